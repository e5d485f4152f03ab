// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.OpenStack.Projects;

namespace Lifeboat.Sites.OpenStack.Mapping;

internal enum MappedKind
{
    Flavor = 1,
    Network = 2,
    VolumeType = 3,
    FloatingPool = 4,
    SecurityGroup = 5,
    Keypair = 6,
    ServerGroup = 7,
    AvailabilityZone = 8,
    Router = 9,
}

internal enum MappedBecause
{
    /// <summary>The operator said so.</summary>
    Told = 1,
    SameName = 2,
    /// <summary>Of another name, with the same subnets.</summary>
    SameSubnets = 3,
    /// <summary>The smallest that is large enough.</summary>
    Nearest = 4,
    /// <summary>The cloud's only one, or its default.</summary>
    Default = 5,
    /// <summary>It is not there, and is made from the description.</summary>
    ToBeMade = 6,
}

/// <param name="Id">At this cloud; null: it is to be made.</param>
internal sealed record MappedThing(MappedKind Kind, string From, MappedBecause Because, string? Id, string To)
{
    /// <summary>Of one that is to be made: what it will be.</summary>
    public string? As { get; init; }
    /// <summary>It is here because we made it for an earlier server.</summary>
    public bool IsOurs { get; init; }

    /// <summary>For people; null: it is what they expect.</summary>
    public string? Proposal => Because switch
    {
        MappedBecause.Told or MappedBecause.SameName => null,
        MappedBecause.SameSubnets => $"{Name} '{From}' is '{To}' here, which has its subnets",
        MappedBecause.Nearest => $"{Name} '{From}' is '{To}' here, the smallest that is large enough",
        MappedBecause.Default => $"{Name} '{From}' is '{To}' here, the only one or the default",
        MappedBecause.ToBeMade => $"{Name} '{To}' is made here{(As is null ? "" : $": {As}")}",
    };

    private string Name => Kind switch
    {
        MappedKind.Flavor => "flavor",
        MappedKind.Network => "network",
        MappedKind.VolumeType => "volume type",
        MappedKind.FloatingPool => "floating pool",
        MappedKind.SecurityGroup => "security group",
        MappedKind.Keypair => "key pair",
        MappedKind.ServerGroup => "server group",
        MappedKind.AvailabilityZone => "availability zone",
        MappedKind.Router => "router",
    };
}

/// <summary>What a server of another cloud becomes here.</summary>
/// <param name="Gaps">What keeps it from being built; empty: it can be.</param>
/// <param name="Notes">What will be different from what it was, and keeps it from nothing.</param>
internal sealed record ServerMapping(string Instance, IReadOnlyList<MappedThing> Things, IReadOnlyList<string> Gaps,
    IReadOnlyList<string> Notes)
{
    public MappedThing? Find(MappedKind kind, string from) =>
        Things.FirstOrDefault(t => t.Kind == kind && t.From == from);
}

/// <param name="Gaps">Of all servers together: those of each one, and what they ask too much of as a whole. Each begins
/// with the names of those that it is of.</param>
/// <param name="Pools">Addresses that are wanted of floating pools, by the id of their network.</param>
internal sealed record PlanMapping(IReadOnlyList<ServerMapping> Servers, IReadOnlyList<string> Gaps,
    IReadOnlyDictionary<string, long> Pools)
{
    /// <summary>What all of them together ask of quotas, besides what is here of them already.</summary>
    public QuotaNeeds Quotas { get; init; } = QuotaNeeds.None;

    public IEnumerable<string> Notes => SiteFit.Said(Servers.SelectMany(s => s.Things.Select(t => t.Proposal)
        .OfType<string>().Concat(s.Notes).Select(n => (s.Instance, n))));
}
