// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Contracts.Peers;

/// <summary>A group as a site keeps it.</summary>
/// <param name="Removed">It was deleted; kept so that the other site learns of it.</param>
public sealed record GroupRecord(GroupDefinition Definition, bool Removed);

/// <summary>What the agents of a site say of the groups that it shares with the one that asks.</summary>
public sealed record PeerStatuses(IReadOnlyList<SourceStatus> Sources, IReadOnlyList<ReplicaStatus> Replicas);

/// <summary>Both ends tell each other what they know; the higher epoch or version wins on either side, with the edits
/// of both.</summary>
/// <param name="Divergences">What was found of groups whose two sides both wrote.</param>
/// <param name="Controllers">
/// Where the site that says this is reached, `,` between the URLs of its controllers; null: it has one, as it was when
/// the sites were paired.
/// </param>
/// <param name="Stand">
/// A digest of all that the site which says this knows of the groups between both; null: it says all of them itself.
/// </param>
/// <param name="Known">An answer to another stand than one's own: which groups, and how new, without what they are.
/// </param>
/// <param name="Wanted">Names of groups that are to be in the answer.</param>
/// <param name="Policies">
/// A digest of the named policies that the site which says this knows; null: it is of a release that does not exchange
/// them.
/// </param>
/// <param name="Merges">
/// In an answer: the site that gives it takes over edits of groups that run there. Null: it is of a release that does
/// not, or this is a question.
/// </param>
public sealed record GroupExchange(IReadOnlyList<GroupRecord> Groups,
    IReadOnlyList<DivergenceNotice>? Divergences = null, string? Controllers = null, string? Stand = null,
    IReadOnlyList<KnownGroup>? Known = null, IReadOnlyList<string>? Wanted = null,
    string? Policies = null, bool? Merges = null);

/// <summary>How new what a site knows of a group is.</summary>
/// <param name="Seen">Which edits of it are known; null: none, or it is of a release that does not number them.</param>
public sealed record KnownGroup(string Name, Epoch Epoch, long Version, bool Removed,
    IReadOnlyDictionary<string, long>? Seen = null);
