// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;
using YamlDotNet.Core;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace Lifeboat.Cli;

/// <summary>
/// `profiles.yaml`: controllers that are reached over HTTPS, by name. Secrets may be in it, or in files beside it; then
/// nobody else may read them.
/// </summary>
internal static class ProfileFile
{
    public const string Variable = "LIFEBOAT_PROFILES";
    public const string Usual = "~/.config/lifeboat/profiles.yaml";
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead
        | UnixFileMode.OtherWrite;

    /// <exception cref="ProblemException">InvalidRequest: no such profile, or all that is wrong with it.</exception>
    public static ControllerAccess Read(string profile)
    {
        var path = Home(Environment.GetEnvironmentVariable(Variable) ?? Usual);
        var profiles = Parse(path).Profiles ?? [];
        if (!profiles.TryGetValue(profile, out var found) || found is null)
            throw new ProblemException(ReasonCode.InvalidRequest, $"{path} has no profile {profile}",
                profiles.Count == 0 ? null : $"It has {string.Join(", ", profiles.Keys.Order())}.");
        var problems = new List<string>();
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var access = found.Access(folder, problems);
        if ((found.Token ?? found.Password) is not null && IsOpen(path))
            problems.Add($"{path} holds a secret and others may read it: chmod 600 it");
        return problems.Count == 0 ? access! : throw new ProblemException(ReasonCode.InvalidRequest,
            $"profile {profile} of {path} cannot be used", null, problems);
    }

    private static Document Parse(string path)
    {
        try
        {
            var text = File.ReadAllText(path);
            return new DeserializerBuilder().WithNamingConvention(HyphenatedNamingConvention.Instance).Build()
                .Deserialize<Document?>(text) ?? new Document();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or YamlException)
        {
            throw new ProblemException(ReasonCode.InvalidRequest, $"the profiles in {path} cannot be read",
                $"{e.InnerException?.Message ?? e.Message} Another file: ${Variable}.", cause: e);
        }
    }

    private static bool IsOpen(string path) => (File.GetUnixFileMode(path) & Others) != 0;

    private static string Home(string path) => path.StartsWith("~/", StringComparison.Ordinal)
        ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), path[2..]) : path;

    private sealed class Document
    {
        public Dictionary<string, Profile?>? Profiles { get; set; }
    }

    private sealed class Profile
    {
        public string? Url { get; set; }
        public string? Ca { get; set; }
        public string? Fingerprint { get; set; }
        public string? Token { get; set; }
        public string? TokenFile { get; set; }
        public string? User { get; set; }
        public string? Password { get; set; }
        public string? PasswordFile { get; set; }
        public string? Tenant { get; set; }

        public ControllerAccess? Access(string folder, List<string> problems)
        {
            if (!Uri.TryCreate(Url, UriKind.Absolute, out var url) || url.Scheme != "https")
                problems.Add($"url is '{Url}'; it must be https://ADDRESS:PORT");
            if (Ca is null == Fingerprint is null)
                problems.Add("one of ca (PEM file) and fingerprint (SHA-256 of the site's CA) is needed");
            var token = Secret("token", Token, TokenFile, folder, problems);
            var password = Secret("password", Password, PasswordFile, folder, problems);
            if (token is null == User is null && problems.Count == 0)
                problems.Add("one of token (or token-file) and user is needed");
            if (User is not null && password is null) problems.Add("user without password or password-file");
            var ca = Ca is null ? null : Text("ca", Ca, folder, problems);
            return problems.Count > 0 ? null : new ControllerAccess
            {
                Url = url!, CaPem = ca, Fingerprint = Fingerprint, Token = token, User = User, Password = password,
                Tenant = Tenant,
            };
        }

        private static string? Secret(string name, string? text, string? file, string folder, List<string> problems)
        {
            if (text is not null && file is not null) problems.Add($"{name} and {name}-file are both given");
            if (file is null) return text;
            var path = Path.Combine(folder, Home(file));
            if (File.Exists(path) && IsOpen(path))
                problems.Add($"{path} holds a secret and others may read it: chmod 600 it");
            return Text(name + "-file", file, folder, problems)?.TrimEnd('\r', '\n');
        }

        private static string? Text(string name, string file, string folder, List<string> problems)
        {
            try
            {
                return File.ReadAllText(Path.Combine(folder, Home(file)));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                problems.Add($"{name}: {e.Message}");
                return null;
            }
        }
    }
}
