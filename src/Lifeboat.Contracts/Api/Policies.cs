// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Contracts.Api;

/// <summary>A policy with a name, which groups of its tenant follow.</summary>
/// <param name="Name">Its full name: `NAME`, or `TENANT_NAME` of another tenant than `default`.</param>
/// <param name="Version">One more with each change.</param>
/// <param name="Groups">Full names of those that follow it, wherever they run.</param>
public sealed record NamedPolicy(string Name, string Tenant, string? Description, long Version, Policy Policy,
    DateTimeOffset ChangedAt, IReadOnlyList<string> Groups)
{
    /// <summary>What two sites changed in different ways while neither heard of the other; empty: nothing.</summary>
    public IReadOnlyList<DefinitionConflict> Conflicts { get; init; } = [];
    /// <summary>
    /// Why changes of several sites cannot hold together though each could alone; empty: they do. What held before
    /// does until somebody changes or settles it.
    /// </summary>
    public IReadOnlyList<string> Faults { get; init; } = [];
}

public sealed record CreatePolicyRequest
{
    /// <summary>Of the tenant that the request is about; a user of the site may give a full name.</summary>
    public required string Name { get; init; }
    /// <summary>For people; at most 200 characters.</summary>
    public string? Description { get; init; }
    /// <summary>Without quiesce rules: those are the groups'. Null: the defaults.</summary>
    public Policy? Policy { get; init; }
}

/// <summary>What is to be different about a named policy; null leaves it as it is.</summary>
public sealed record NamedPolicyChange
{
    /// <summary>Empty: none.</summary>
    public string? Description { get; init; }
    public PolicyChange? Policy { get; init; }
}

/// <summary>
/// What of a group's definition a recovery goes by: every run of the group, of whatever kind, is made from it.
/// </summary>
/// <param name="Group">Full name.</param>
/// <param name="BootOrder">By instance: lower boots first, equal numbers boot together; shut down in reverse.</param>
/// <param name="Checks">What a run verifies, see <see cref="Lifeboat.Protection.Plans.Check"/>.</param>
/// <param name="FourEyes">Moves wait for a second person, as the tenant's limits say.</param>
public sealed record GroupPlan(string Group, IReadOnlyDictionary<string, int> BootOrder,
    IReadOnlyList<string> Checks, bool FourEyes)
{
    /// <summary>Names that lead to its instances wherever they run; null: none.</summary>
    public GroupDns? Dns { get; init; }
}

/// <summary>What is to be different about a group's plan; null leaves it as it is.</summary>
public sealed record PlanChange
{
    /// <summary>0 to 1000; those that are not named stay.</summary>
    public IReadOnlyDictionary<string, int>? BootOrder { get; init; }
    /// <summary>In the place of all those before.</summary>
    public IReadOnlyList<string>? Checks { get; init; }
    /// <summary>Names that lead to its instances, in the place of all those before.</summary>
    public IReadOnlyList<DnsName>? Dns { get; init; }
    /// <summary>TTL of their records: whole seconds, 0 s to 1 d.</summary>
    public TimeSpan? DnsTtl { get; init; }
}
