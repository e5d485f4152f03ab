// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Http;

namespace Lifeboat.Controller.Access;

/// <summary>Who somebody is, as a token or the socket says.</summary>
/// <param name="Tenant">Null: of the site.</param>
/// <param name="Means">`socket`, `token`, `oidc` or `keystone`.</param>
/// <param name="IsLocalUser">The name is that of a user in this site's database.</param>
internal sealed record Identity(string Name, string? Tenant, IReadOnlyList<Right> Rights, string Means,
    bool IsLocalUser = false)
{
    /// <summary>The token has these rights only, whatever its user is given later.</summary>
    public bool IsLimited { get; init; }

    /// <summary>As whoever made the token calls them; access rules name them.</summary>
    public IReadOnlyList<string> Roles { get; init; } = [];

    /// <summary>Null: the token is none of a cloud.</summary>
    public CloudIdentity? Cloud { get; init; }

    /// <summary>Whoever may open the unix socket: the file's permissions are the identity.</summary>
    public static readonly Identity Local = new("local", null, RoleRights.All, "socket");

    /// <summary>As logs and reports write it.</summary>
    public string FullName => Tenant is null ? Name : $"{Tenant}/{Name}";
}

/// <summary>Who somebody is in a cloud; a token that is of no project lacks those of the project.</summary>
internal sealed record CloudIdentity(string UserId, string UserName, string? UserDomainId, string? ProjectId,
    string? ProjectName, string? ProjectDomainId);

/// <summary>Who asks, for whom, and from where. Every request of `/v1` has one.</summary>
/// <param name="Tenant">The one tenant that the request is about; null: all of them, the caller is of the
/// site.</param>
/// <param name="Address">An IP address, or `unix`.</param>
internal sealed record Caller(Identity Identity, string? Tenant, string Address, string RequestId)
{
    private const string Key = "lifeboat.caller";

    public string Name => Identity.FullName;
    public bool IsOfSite => Identity.Tenant is null;

    /// <exception cref="InvalidOperationException">The endpoint is open to everybody.</exception>
    public static Caller Of(HttpContext context) => Find(context)
        ?? throw new InvalidOperationException($"{context.Request.Path} has no caller");

    /// <summary>Null: an endpoint that is open to everybody, or a paired site.</summary>
    public static Caller? Find(HttpContext context) => context.Items[Key] as Caller;

    public void Keep(HttpContext context) => context.Items[Key] = this;

    public bool Has(Right right) => Identity.Rights.Contains(right);

    /// <summary>What the request may see: all of its tenant, or everything.</summary>
    public bool Sees(string? tenant) => Tenant is null || Tenant == tenant;

    /// <exception cref="ProblemException">NotAllowed: the right is missing.</exception>
    public void Require(params IReadOnlyList<Right> all)
    {
        if (all.Where(r => !Has(r)).ToList() is { Count: > 0 } missing) throw Missing(missing, " and ");
    }

    /// <exception cref="ProblemException">NotAllowed: none of the rights is there.</exception>
    public void RequireOne(IReadOnlyList<Right> any)
    {
        if (!any.Any(Has)) throw Missing(any, " or ");
    }

    private ProblemException Missing(IEnumerable<Right> rights, string between)
    {
        var names = string.Join(between, rights.Select(r => JsonNamingPolicy.KebabCaseLower.ConvertName(r.ToString())));
        return new ProblemException(ReasonCode.NotAllowed, $"{Name} lacks the right {names}",
            "An administrator gives it with `lifeboat user grant`.");
    }
}
