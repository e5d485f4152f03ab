// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Sites;

/// <summary>
/// What another cloud has to know of a project to make one like it. Everything is named as people named it; ids mean
/// nothing there.
/// </summary>
public sealed record ProjectDescription
{
    public const int CurrentFormat = 1;
    private const int ListMost = 5000;

    /// <summary>Raised when more has to be understood to make the project rightly; a newer one is refused.</summary>
    public required int Format { get; init; }
    public required string Name { get; init; }
    /// <summary>Name of the domain that it is in.</summary>
    public required string Domain { get; init; }
    public string Description { get; init; } = "";
    public IReadOnlyList<string> Tags { get; init; } = [];
    public bool Enabled { get; init; } = true;
    /// <summary>Who has which role in it; what is inherited from domain or parent is not the project's.</summary>
    public IReadOnlyList<ProjectGrant> Grants { get; init; } = [];
    public IReadOnlyList<ProjectQuota> Quotas { get; init; } = [];
    /// <summary>What its cloud did not tell, so that it is never taken for absent.</summary>
    public IReadOnlyList<string> Untold { get; init; } = [];

    /// <summary>What is wrong with one that another site said.</summary>
    public IEnumerable<string> Problems()
    {
        if (Format < 1) yield return $"format is {Format}";
        if (Name.Length == 0) yield return "name is empty";
        if (Domain.Length == 0) yield return "domain is empty";
        if (Grants.Count > ListMost) yield return $"grants has {Grants.Count} members; {ListMost} at most";
        if (Quotas.Count > ListMost) yield return $"quotas has {Quotas.Count} members; {ListMost} at most";
        foreach (var grant in Grants.Where(g => g.Role.Length == 0 || g.Name.Length == 0))
            yield return $"a grant to '{grant.Name}' of the role '{grant.Role}' names nobody or nothing";
        foreach (var quota in Quotas.Where(q => q.Resource.Length == 0 || q.Limit < -1))
            yield return $"quota '{quota.Resource}' is {quota.Limit}";
    }
}

public enum GranteeKind { User = 1, Group = 2 }

/// <param name="Name">Of a user or group of <paramref name="Domain"/>.</param>
public sealed record ProjectGrant(string Role, GranteeKind Kind, string Name, string Domain);

public enum QuotaArea { Compute = 1, Volumes = 2, Networks = 3 }

/// <param name="Resource">As the service calls it, e.g. `cores`, `gigabytes_ssd`, `floatingip`.</param>
/// <param name="Limit">-1: none.</param>
public sealed record ProjectQuota(QuotaArea Area, string Resource, long Limit);
