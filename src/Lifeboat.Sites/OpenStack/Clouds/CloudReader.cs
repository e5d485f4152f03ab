// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;

namespace Lifeboat.Sites.OpenStack.Clouds;

/// <summary>
/// Reads one cloud's mapping. Keys, aliases and defaults are openstacksdk's; what it would pass over in silence in
/// `auth` is a fault here, and no message repeats a secret.
/// </summary>
internal sealed class CloudReader(string cloud, YamlSetting written, List<string> problems)
{
    private static readonly string[] AuthKeys =
    [
        "auth_url", "username", "user_name", "user_id", "password", "user_domain_name", "user_domain_id",
        "project_name", "project_id", "tenant_name", "tenant_id", "project_domain_name", "project_domain_id",
        "domain_name", "domain_id", "default_domain", "default_domain_id", "default_domain_name", "token",
        "application_credential_id", "application_credential_name", "application_credential_secret", "system_scope",
        "trust_id",
    ];

    private YamlSetting _all = written;

    /// <returns>Null when something is wrong; the problems say what.</returns>
    public CloudSettings? Read()
    {
        var before = problems.Count;
        var region = Region();
        var auth = Kind();
        CheckAuthKeys();
        var url = AuthUrl();
        var settings = new CloudSettings
        {
            Name = cloud,
            AuthUrl = url ?? new Uri("http://0.0.0.0"),
            Auth = auth,
            User = auth is CloudAuth.Password ? User(needed: true) : null,
            Password = auth is CloudAuth.Password ? Needed("password") : null,
            Token = auth is CloudAuth.Token ? Needed("token") : null,
            Credential = auth is CloudAuth.ApplicationCredential ? Credential() : null,
            Project = Project(auth),
            Region = region,
            Interface = Interface(),
            CaFile = ExistingFile("cacert"),
            Verify = !No("verify") && !Yes("insecure"),
            CertificateFile = ExistingFile("cert"),
            KeyFile = ExistingFile("key"),
            Endpoints = Endpoints(),
            RecoveryCaFile = ExistingFile("disaster_recovery_cacert"),
            RecoveryFingerprint = Top("disaster_recovery_fingerprint")?.Text,
        };
        return problems.Count == before ? settings : null;
    }

    // `regions` is a list of names, or of names with values of their own; without a wish the first one counts.
    private string? Region()
    {
        var wished = Top("region_name")?.Text;
        if (Top("regions") is not { } regions) return wished;
        if (regions.List is not { Count: > 0 } list)
        {
            Fault(regions, "regions", "must be a list of regions");
            return wished;
        }
        var named = list.Select(r => (Name: r.Text ?? r.Members.GetValueOrDefault("name")?.Text, Written: r)).ToList();
        foreach (var nameless in named.Where(r => r.Name is null))
            Fault(nameless.Written, "regions", "has a region without a name");
        var found = wished is null ? named[0] : named.FirstOrDefault(r => r.Name == wished);
        if (found.Written is null)
        {
            Fault(regions, "regions", $"has no '{wished}', which region_name asks for");
            return wished;
        }
        if (found.Written.Members.GetValueOrDefault("values") is { Map: not null } values) _all = _all.With(values);
        return found.Name;
    }

    private CloudAuth Kind()
    {
        if (Top("profile") is { } profile)
            Fault(profile, "profile", $"'{profile.Text}' names settings that come with openstacksdk; "
                + "write them here, auth_url above all");
        var kind = Top("auth_type") ?? Top("auth_plugin");
        switch (kind?.Text)
        {
            case null:
                return Auth("application_credential_secret") is null ? CloudAuth.Password
                    : Impossible("auth_type", "is missing beside an application credential: v3applicationcredential");
            case "password" or "v3password":
                return CloudAuth.Password;
            case "token" or "v3token":
                return CloudAuth.Token;
            case "v3applicationcredential":
                return CloudAuth.ApplicationCredential;
            default:
                Fault(kind, "auth_type", $"is '{kind.Text}'; supported are password, token and "
                    + "v3applicationcredential");
                return CloudAuth.Password;
        }
    }

    private CloudAuth Impossible(string key, string what)
    {
        Fault(null, key, what);
        return CloudAuth.ApplicationCredential;
    }

    private void CheckAuthKeys()
    {
        if (Top("auth") is not { } auth) return;
        if (auth.Map is null) Fault(auth, "auth", "must be a mapping");
        foreach (var (key, value) in auth.Members.Where(m => !AuthKeys.Contains(m.Key)))
            Fault(value, $"auth.{key}", Nearest.To(key, AuthKeys) is { } near ? $"is unknown; did you mean {near}?"
                : "is unknown");
        foreach (var unsupported in new[] { "system_scope", "trust_id" })
            if (Auth(unsupported) is { } found)
                Fault(found, $"auth.{unsupported}", "is not supported: what is protected belongs to a project");
    }

    private Uri? AuthUrl()
    {
        if (Auth("auth_url") is not { Text: { } text } found)
        {
            Fault(null, "auth.auth_url", "is missing");
            return null;
        }
        var url = HttpUrl(found, "auth.auth_url", text);
        if (url?.AbsolutePath.TrimEnd('/').EndsWith("/v2.0", StringComparison.Ordinal) is true)
            Fault(found, "auth.auth_url", "is of Keystone v2; v3 is needed (leave the version out)");
        var bare = url?.AbsoluteUri.TrimEnd('/');
        return bare is null ? null
            : new Uri(bare.EndsWith("/v3", StringComparison.Ordinal) ? bare[..^3] : bare);
    }

    private CloudUser? User(bool needed)
    {
        var id = Auth("user_id")?.Text;
        var name = (Auth("username") ?? Auth("user_name"))?.Text;
        if (id is null && name is null)
        {
            if (needed) Fault(null, "auth.username", "is missing (or user_id)");
            return null;
        }
        var domain = Domain("user_domain");
        if (id is null && domain is null)
            Fault(Auth("username"), "auth.user_domain_name", "is missing (or user_domain_id): names are of a domain");
        return new CloudUser(id, id is null ? name : null, id is null ? domain : null);
    }

    private CloudProject? Project(CloudAuth auth)
    {
        var id = (Auth("project_id") ?? Auth("tenant_id"))?.Text;
        var name = (Auth("project_name") ?? Auth("tenant_name"))?.Text;
        if (auth is CloudAuth.ApplicationCredential)
        {
            if ((id ?? name) is not null)
                Fault(Auth("project_id") ?? Auth("project_name") ?? Auth("tenant_id") ?? Auth("tenant_name"),
                    "auth.project", "is of no use: an application credential brings its own project; remove it");
            return null;
        }
        if (id is null && name is null)
        {
            if (auth is CloudAuth.Password)
                Fault(null, "auth.project_name", "is missing (or project_id): a project is what is looked after");
            return null;
        }
        var domain = Domain("project_domain");
        if (id is null && domain is null)
            Fault(Auth("project_name"), "auth.project_domain_name",
                "is missing (or project_domain_id): names are of a domain");
        return new CloudProject(id, id is null ? name : null, id is null ? domain : null);
    }

    private CloudDomain? Domain(string of)
    {
        foreach (var prefix in new[] { of, "domain", "default_domain" })
        {
            if (Auth($"{prefix}_id")?.Text is { } id) return new CloudDomain(id, null);
            if (Auth($"{prefix}_name")?.Text is { } name) return new CloudDomain(null, name);
        }
        return Auth("default_domain")?.Text is { } fallback ? new CloudDomain(fallback, null) : null;
    }

    private ApplicationCredential? Credential()
    {
        var id = Auth("application_credential_id")?.Text;
        var name = Auth("application_credential_name")?.Text;
        if (id is null && name is null)
            Fault(null, "auth.application_credential_id", "is missing (or application_credential_name with its user)");
        var user = id is null && name is not null ? User(needed: true) : null;
        return Needed("application_credential_secret") is { } secret
            ? new ApplicationCredential(id, id is null ? name : null, user, secret) : null;
    }

    private EndpointInterface Interface()
    {
        var written = Top("interface") ?? Top("endpoint_type");
        switch (written?.Text)
        {
            case null or "public" or "publicURL":
                return EndpointInterface.Public;
            case "internal" or "internalURL":
                return EndpointInterface.Internal;
            case "admin" or "adminURL":
                return EndpointInterface.Admin;
            default:
                Fault(written, "interface", $"is '{written.Text}'; it must be public, internal or admin");
                return EndpointInterface.Public;
        }
    }

    private Dictionary<string, Uri> Endpoints()
    {
        const string ending = "_endpoint_override";
        var found = new Dictionary<string, Uri>(StringComparer.Ordinal);
        foreach (var (key, value) in _all.Members.Where(m => m.Key.EndsWith(ending, StringComparison.Ordinal)))
            if (value.Text is { } text && HttpUrl(value, key, text) is { } url)
                found[key[..^ending.Length].Replace('_', '-')] = url;
        return found;
    }

    private string? ExistingFile(string key)
    {
        if (Top(key) is not { Text: { } path } found) return null;
        if (!File.Exists(path)) Fault(found, key, $"is '{path}', which is not there");
        return path;
    }

    private Uri? HttpUrl(YamlSetting found, string key, string text)
    {
        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
            && url.UserInfo.Length == 0 && url.Query.Length == 0) return url;
        Fault(found, key, $"is '{text}'; it must be an http or https URL without user and query");
        return null;
    }

    private string? Needed(string key)
    {
        if (Auth(key)?.Text is { } text) return text;
        Fault(Auth(key), $"auth.{key}", "is missing (it may be in secure.yaml)");
        return null;
    }

    private bool No(string key) => Flag(key) is false;

    private bool Yes(string key) => Flag(key) is true;

    private bool? Flag(string key)
    {
        switch (Top(key)?.Text?.ToLowerInvariant())
        {
            case null: return null;
            case "true" or "yes" or "1": return true;
            case "false" or "no" or "0": return false;
            default:
                Fault(Top(key), key, "must be true or false");
                return null;
        }
    }

    private YamlSetting? Top(string key) => _all.Members.GetValueOrDefault(key);

    // Below `auth`, or beside it: openstacksdk moves what it finds there.
    private YamlSetting? Auth(string key) =>
        Top("auth")?.Members.GetValueOrDefault(key) is { Text: not null } below ? below
            : Top(key) is { Text: not null } beside ? beside : null;

    private void Fault(YamlSetting? at, string key, string what) =>
        problems.Add($"{(at ?? Top("auth") ?? _all).Where}: clouds.{cloud}.{key} {what}");
}
