// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Identity;

/// <summary>A token, whose it is and what it opens.</summary>
/// <param name="RenewAt">From here on a new one is taken, while this one still holds.</param>
/// <param name="ProjectId">The project that it is scoped to.</param>
internal sealed record CloudToken(string Value, DateTimeOffset RenewAt, DateTimeOffset ExpiresAt, string ProjectId,
    string ProjectName, string UserName, IReadOnlyList<string> Roles, ServiceCatalog Catalog)
{
    public override string ToString() => $"token of {UserName} in project {ProjectName}, until {ExpiresAt:u}";
}
