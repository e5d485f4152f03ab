// SPDX-License-Identifier: Apache-2.0
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
internal sealed record MappedThing(MappedKind Kind, string From, MappedBecause Because, string? Id, string To);

/// <summary>What a server of another cloud becomes here.</summary>
/// <param name="Gaps">What keeps it from being built; empty: it can be.</param>
/// <param name="Notes">What will be different from what it was, and keeps it from nothing.</param>
internal sealed record ServerMapping(string Instance, IReadOnlyList<MappedThing> Things, IReadOnlyList<string> Gaps,
    IReadOnlyList<string> Notes)
{
    public MappedThing? Find(MappedKind kind, string from) =>
        Things.FirstOrDefault(t => t.Kind == kind && t.From == from);
}

/// <param name="Gaps">Of all servers together: those of each one, and what they ask too much of as a whole.</param>
internal sealed record PlanMapping(IReadOnlyList<ServerMapping> Servers, IReadOnlyList<string> Gaps);
