// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Peers;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Controller.Groups;

/// <summary>What one site knows of a group at a moment; its state follows from this alone.</summary>
/// <param name="SourceWanted">This site is to be the group's source, in this epoch.</param>
/// <param name="ReplicaWanted">This site is to keep the replica for the present primary site.</param>
/// <param name="AgentReason">Why the own agent does not answer; None when it does.</param>
/// <param name="Divergence">Both sides wrote after the group's fork, and nobody has chosen yet.</param>
/// <param name="MemberRunsHere">An instance of the group runs at this site.</param>
internal sealed record GroupFacts(GroupDefinition Group, string Here, SourceStatus? Source, bool SourceWanted,
    ReplicaStatus? Replica, bool ReplicaWanted, ReasonCode AgentReason, RunKind? Run, bool MemberRunsHere,
    DateTimeOffset Now, DivergenceNotice? Divergence = null);

internal sealed record GroupCondition(GroupState State, ReasonCode Reason, string? Detail);
