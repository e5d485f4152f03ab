// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Peers;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Recovery.Sides;

/// <summary>
/// Everything a step may do at one site of a group: this one, or a paired one over its controller. Every call may be
/// repeated, also after a restart of either end, and then ends in the same state (I8). Failures are
/// <see cref="Lifeboat.Contracts.ProblemException"/>; PeerUnreachable and AgentUnreachable are worth a retry.
/// </summary>
public interface ISiteSide
{
    string Name { get; }

    /// <summary>The group as this site knows it; null when it does not.</summary>
    Task<GroupDefinition?> GroupAsync(string group, CancellationToken ct);
    /// <summary>
    /// Keeps the definition and fences first: before it returns, the replica here refuses older epochs, and a source
    /// here has stopped when another site is primary. Setting what is known changes nothing.
    /// </summary>
    /// <exception cref="Lifeboat.Contracts.ProblemException">StaleEpoch: this site knows a newer one.</exception>
    Task SetGroupAsync(GroupDefinition definition, CancellationToken ct);

    /// <summary>Captures the group's volumes here and ships them to its recovery site, in the group's epoch.</summary>
    Task StartSourceAsync(string group, CancellationToken ct);
    /// <summary>Lets go of the disks and leaves no change map in the instances.</summary>
    Task StopSourceAsync(string group, CancellationToken ct);
    /// <summary>Null when this site is no source of the group.</summary>
    Task<SourceStatus?> SourceAsync(string group, CancellationToken ct);
    /// <summary>Cuts a checkpoint at the source here; waits until it is sealed when the request says so.</summary>
    Task<CheckpointResult> CheckpointAsync(string group, CheckpointRequest request, CancellationToken ct);

    /// <summary>
    /// Makes the replica of the group here for the group's epoch and primary site. What a former stint as recovery site
    /// left behind is dropped; the replica of this epoch is kept as it is.
    /// </summary>
    Task AcceptReplicaAsync(string group, AcceptReplicaRequest request, CancellationToken ct);
    /// <summary>
    /// As <see cref="AcceptReplicaAsync"/> seeded; and first what this site's disks hold is kept beside the replica,
    /// as a recovery point pinned under this name (I5). It outlives the replica, until it is unpinned.
    /// </summary>
    /// <returns>The point; the same each time.</returns>
    /// <exception cref="Lifeboat.Contracts.ProblemException">WrongState: a disk of the group cannot be
    /// kept.</exception>
    Task<RecoveryPoint> AcceptKeepingAsync(string group, string pin, CancellationToken ct);
    /// <summary>Opens the state that was kept under this name as a view of the same name, copy-on-write.</summary>
    Task<ViewInfo> OpenKeptAsync(string group, string pin, CancellationToken ct);
    Task DropReplicaAsync(string group, CancellationToken ct);
    /// <summary>Null when this site has no replica of the group.</summary>
    Task<ReplicaStatus?> ReplicaAsync(string group, CancellationToken ct);

    /// <summary>Every instance of the group that can be booted runs here.</summary>
    Task<bool> RunsAsync(string group, CancellationToken ct);
    /// <summary>Asks the guest to shut down; when it returns all its writes are flushed and captured.</summary>
    Task ShutDownAsync(string group, string instance, TimeSpan limit, CancellationToken ct);
    /// <summary>Boots it again after a shut-down that turned out to be for nothing.</summary>
    Task RestartAsync(string group, string instance, CancellationToken ct);
    /// <summary>Stops it hard; when it returns it can no longer write.</summary>
    Task StopAsync(string group, string instance, CancellationToken ct);
}
