// SPDX-License-Identifier: Apache-2.0
using System.Collections.Frozen;
using System.Text.Json;
using Lifeboat.Protection;

namespace Lifeboat.Quiescing;

/// <summary>What a provider is opened with: an instance, and the settings of one step of its rule.</summary>
/// <param name="Instance">Its name at the site.</param>
/// <param name="GuestAgentSocket">qemu-ga's unix socket on this host; null: it has none.</param>
/// <param name="Directory">The directory of the host's agent: identities are below it.</param>
public sealed record QuiesceTarget(string Instance, string? GuestAgentSocket, string Directory, TimeProvider Time)
{
    private static readonly JsonSerializerOptions IdentityJson = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    public IReadOnlyDictionary<string, string> Settings { get; init; } = FrozenDictionary<string, string>.Empty;

    public string? Setting(string name) => Settings.GetValueOrDefault(name);

    /// <summary>Settings that the provider does not know, and those of <paramref name="required"/> that lack.</summary>
    public IEnumerable<string> SettingProblems(IReadOnlyCollection<string> required, params string[] optional)
    {
        foreach (var name in required.Where(n => string.IsNullOrWhiteSpace(Setting(n))))
            yield return $"setting '{name}' is missing";
        foreach (var name in Settings.Keys.Except([.. required, .. optional]).Order(StringComparer.Ordinal))
            yield return $"there is no setting '{name}'; there are: {string.Join(", ", [.. required, .. optional])}";
    }

    /// <summary>Where the operator keeps what the instance's steps may be: `quiesce/INSTANCE/NAME.json`.</summary>
    public string IdentityPath(string name) => Path.Combine(Directory, "quiesce", Instance, name + ".json");

    /// <summary>
    /// An identity that the operator gave this instance. A policy only names it: whom a step speaks to and as whom is
    /// not up to a tenant, and no secret is in a definition.
    /// </summary>
    /// <exception cref="QuiesceProviderException">Misconfigured: none, not readable, or readable by others.</exception>
    public T Identity<T>(string name) where T : class
    {
        var path = IdentityPath(name);
        if (!EntityName.IsValid(name) || !EntityName.IsValid(Instance))
            throw Wrong($"identity is '{name}' of instance '{Instance}'; {EntityName.Rule}");
        try
        {
            if (OperatingSystem.IsLinux() && (File.GetUnixFileMode(path) & UnixFileMode.OtherRead) != 0)
                throw Wrong($"everybody on this host may read {path}; do: chmod 600 {path}");
            return JsonSerializer.Deserialize<T>(File.ReadAllBytes(path), IdentityJson)
                ?? throw Wrong($"{path} is null");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Wrong($"there is no identity {path} that can be read: {e.Message}", e);
        }
        catch (JsonException e)
        {
            throw Wrong($"{path} is no identity of this kind: {e.Message}", e);
        }
    }

    private static QuiesceProviderException Wrong(string message, Exception? cause = null) =>
        new(ProviderFault.Misconfigured, message, cause);
}
