// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Groups;

namespace Lifeboat.Contracts.Peers;

/// <summary>A group as a site keeps it.</summary>
/// <param name="Removed">It was deleted; kept so that the other site learns of it.</param>
public sealed record GroupRecord(GroupDefinition Definition, bool Removed);

/// <summary>Both ends tell each other what they know; the higher epoch or version wins on either side.</summary>
/// <param name="Divergences">What was found of groups whose two sides both wrote.</param>
/// <param name="Controllers">
/// Where the site that says this is reached, `,` between the URLs of its controllers; null: it has one, as it was when
/// the sites were paired.
/// </param>
public sealed record GroupExchange(IReadOnlyList<GroupRecord> Groups,
    IReadOnlyList<DivergenceNotice>? Divergences = null, string? Controllers = null);
