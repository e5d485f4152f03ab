// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Recovery.Steps;

// What steps hand to later ones. Stored with the run under the record's name: names and fields only ever grow.

/// <param name="SourceLastSeen">When the source was last connected to the replica, as this site saw it.</param>
public sealed record PickedPoint(RecoveryPoint Point, DateTimeOffset? SourceLastSeen);

/// <param name="Held">How long acknowledgements were withheld for the cut.</param>
public sealed record CutPoint(RecoveryPoint Point, TimeSpan Held);

public sealed record OpenedView(ViewInfo View);

public sealed record StartedInstances(IReadOnlyList<StartedInstance> Instances);

/// <param name="Member">The instance of the group.</param>
/// <param name="Name">Its name at the site: another one for a drill's copy.</param>
public sealed record StartedInstance(string Member, string Name, DateTimeOffset StartedAt);

/// <param name="Site">The site whose state gave way; it is a point of the replica there.</param>
public sealed record KeptState(string Site, RecoveryPoint Point);

public sealed record RestoredVolumes(IReadOnlyList<SiteVolume> Volumes, DateTimeOffset At);

/// <summary>All resyncs of the run so far, oldest first.</summary>
public sealed record Resyncs(IReadOnlyList<DoneResync> Done);

public sealed record DoneResync(string From, string To, ResyncKind Kind, long MovedBytes, long ExaminedBytes);
