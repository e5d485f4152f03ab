// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Api;

/// <summary>What may be asked of a controller. Numbers are stored and never change.</summary>
public enum Right
{
    /// <summary>See groups, points, runs and reports.</summary>
    View = 1,
    /// <summary>Protect instances, change policies, cut and pin points.</summary>
    Change = 2,
    /// <summary>Stop shipping for a while, and begin it again.</summary>
    Suspend = 3,
    /// <summary>Run test failovers, open points.</summary>
    Drill = 4,
    /// <summary>Move instances to the other site.</summary>
    Failover = 5,
    /// <summary>What ends a history: reprotect, failback, resolve, and deleting a group.</summary>
    Commit = 6,
    /// <summary>The site itself: instances, links, pairing, certificates, seeds.</summary>
    Operate = 7,
    /// <summary>Users and their tokens; at the site also tenants.</summary>
    Administer = 8,
    /// <summary>Read and verify the audit log.</summary>
    Audit = 9,
}

/// <summary>Rights that usually go together. Numbers are stored and never change.</summary>
public enum Role
{
    Reader = 1,
    Member = 2,
    Manager = 3,
    /// <summary>Of the site, as all that follow but the auditor.</summary>
    Operator = 4,
    Admin = 5,
    Auditor = 6,
}

/// <summary>A user of this site's own.</summary>
/// <param name="Tenant">Null: a user of the site, who sees all tenants.</param>
/// <param name="Granted">Rights beyond those of the roles.</param>
/// <param name="Taken">Rights that the roles would give.</param>
/// <param name="Rights">What comes of it.</param>
public sealed record UserInfo(string Name, string? Tenant, IReadOnlyList<Role> Roles, IReadOnlyList<Right> Granted,
    IReadOnlyList<Right> Taken, IReadOnlyList<Right> Rights, bool HasPassword, DateTimeOffset CreatedAt);

/// <summary>Makes a user: of the tenant that the request is about, else of the site.</summary>
public sealed record CreateUserRequest
{
    public required string Name { get; init; }
    public IReadOnlyList<Role> Roles { get; init; } = [];
    public IReadOnlyList<Right> Rights { get; init; } = [];
    /// <summary>12 to 256 characters; null: the user has tokens only.</summary>
    public string? Password { get; init; }
}

/// <summary>Roles and rights to give to a user, or to take.</summary>
public sealed record RightsRequest
{
    public IReadOnlyList<Role> Roles { get; init; } = [];
    public IReadOnlyList<Right> Rights { get; init; } = [];
}

/// <param name="Password">12 to 256 characters; null: no longer any.</param>
/// <param name="Present">The password until now; needed for one's own.</param>
public sealed record PasswordRequest(string? Password, string? Present = null);

/// <summary>Asks for an API token.</summary>
public sealed record CreateApiTokenRequest
{
    /// <summary>Whose it will be; null: the caller's own.</summary>
    public string? User { get; init; }
    /// <summary>Signs the user in; needs no token then.</summary>
    public string? Password { get; init; }
    /// <summary>The tenant of the user who signs in; null: a user of the site.</summary>
    public string? Tenant { get; init; }
    /// <summary>What it is for; at most 100 characters.</summary>
    public string? Label { get; init; }
    /// <summary>A minute to 366 days; null: 12 hours.</summary>
    public TimeSpan? For { get; init; }
    /// <summary>No more than these of the user's rights; null: all.</summary>
    public IReadOnlyList<Right>? Rights { get; init; }
}

/// <param name="Token">Shown this once; the site keeps only its SHA-256.</param>
public sealed record ApiTokenMade(string Token, ApiTokenInfo Info);

/// <param name="Rights">The only ones of its user's rights that it has; null: all of them.</param>
/// <param name="LastUsedAt">To the minute.</param>
public sealed record ApiTokenInfo(string Id, string User, string? Tenant, string? Label, IReadOnlyList<Right>? Rights,
    DateTimeOffset CreatedAt, string CreatedBy, DateTimeOffset ExpiresAt, DateTimeOffset? RevokedAt,
    DateTimeOffset? LastUsedAt, string? LastUsedFrom);

/// <summary>Who the controller takes the caller for.</summary>
/// <param name="Means">`socket`, `token`, `oidc` or `keystone`.</param>
public sealed record CallerInfo(string Name, string? Tenant, string Means, IReadOnlyList<Right> Rights);
