// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;

namespace Lifeboat.Contracts.Sites;

/// <summary>`oidc` of `site.json`: bearer tokens of an OpenID provider that are taken besides the site's own.</summary>
public sealed record OidcSettings
{
    /// <summary>As the tokens' `iss` says; `/.well-known/openid-configuration` below it is read.</summary>
    public required string Issuer { get; init; }
    /// <summary>What the tokens' `aud` has to name.</summary>
    public required string Audience { get; init; }
    /// <summary>Which claim names the user; one that users cannot choose themselves.</summary>
    public string NameClaim { get; init; } = "sub";
    /// <summary>Which claim names the tenant; absent: all tokens are of the site.</summary>
    public string? TenantClaim { get; init; }
    /// <summary>What the tenant claim says when the user is of the site; absent: it never does.</summary>
    public string? SiteValue { get; init; }
    /// <summary>Which claim names the roles, a list or words; `a.b` is member b of claim a.</summary>
    public string RolesClaim { get; init; } = "roles";
    /// <summary>Which role a value of that claim stands for; empty: the roles' own names.</summary>
    public IReadOnlyDictionary<string, Role> Roles { get; init; } = new Dictionary<string, Role>();
    /// <summary>PEM file of the CA that the provider's certificate comes from; absent: those of the system.</summary>
    public string? CaFile { get; init; }

    public IEnumerable<string> Problems()
    {
        foreach (var problem in IdentityUrl.Problems("oidc.issuer", Issuer, CaFile)) yield return problem;
        if (string.IsNullOrEmpty(Audience)) yield return "oidc.audience is empty";
        if (SiteValue is not null && TenantClaim is null)
            yield return "oidc.siteValue says nothing without oidc.tenantClaim";
    }
}

/// <summary>`keystone` of `site.json`: tokens of an OpenStack cloud that are taken besides the site's own.</summary>
public sealed record KeystoneSettings
{
    /// <summary>E.g. `https://keystone.example.org:5000`, without `/v3`.</summary>
    public required string Url { get; init; }
    /// <summary>Id of the domain whose projects are tenants of the same name.</summary>
    public string Domain { get; init; } = "default";
    /// <summary>Projects by id that are tenants of another name, or of another domain.</summary>
    public IReadOnlyDictionary<string, string> Projects { get; init; } = new Dictionary<string, string>();
    /// <summary>Which role a role of the cloud stands for, besides those of the same name.</summary>
    public IReadOnlyDictionary<string, Role> Roles { get; init; } = new Dictionary<string, Role>();
    /// <summary>PEM file of the CA that Keystone's certificate comes from; absent: those of the system.</summary>
    public string? CaFile { get; init; }

    public IEnumerable<string> Problems() => IdentityUrl.Problems("keystone.url", Url, CaFile);
}

internal static class IdentityUrl
{
    public static IEnumerable<string> Problems(string name, string url, string? caFile)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme is not ("https" or "http"))
            yield return $"{name} is '{url}'; it must be an https URL";
        else if (uri.Scheme == "http" && !uri.IsLoopback)
            yield return $"{name} is '{url}'; without TLS anybody on the way could hand out identities";
        if (caFile is not null && !Path.IsPathFullyQualified(caFile))
            yield return $"{name}: CA file '{caFile}' is no absolute path";
    }
}
