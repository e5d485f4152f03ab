// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;

namespace Lifeboat.Controller.Access;

/// <summary>A user as the database has it, without the password.</summary>
/// <param name="Tenant">Empty: of the site.</param>
internal sealed record StoredUser(string Tenant, string Name, IReadOnlyList<Role> Roles, IReadOnlyList<Right> Granted,
    IReadOnlyList<Right> Taken, DateTimeOffset CreatedAt)
{
    public string? TenantOrNull => Tenant.Length == 0 ? null : Tenant;
    public string FullName => Tenant.Length == 0 ? Name : $"{Tenant}/{Name}";
    public IReadOnlyList<Right> Rights => RoleRights.Effective(Roles, Granted, Taken);

    public UserInfo Info(bool hasPassword) =>
        new(Name, TenantOrNull, Roles, Granted, Taken, Rights, hasPassword, CreatedAt);
}

/// <summary>A token as the database has it.</summary>
/// <param name="Hash">SHA-256 of its secret, hex: 256 random bits need no salt.</param>
internal sealed record StoredToken(string Id, string Tenant, string User, string Hash, string? Label,
    IReadOnlyList<Right>? Rights, DateTimeOffset CreatedAt, string CreatedBy, DateTimeOffset ExpiresAt)
{
    public DateTimeOffset? RevokedAt { get; init; }
    public DateTimeOffset? LastUsedAt { get; init; }
    public string? LastUsedFrom { get; init; }

    public ApiTokenInfo Info() => new(Id, User, Tenant.Length == 0 ? null : Tenant, Label, Rights, CreatedAt, CreatedBy,
        ExpiresAt, RevokedAt, LastUsedAt, LastUsedFrom);
}
