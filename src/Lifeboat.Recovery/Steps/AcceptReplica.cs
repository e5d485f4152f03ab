// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Peers;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Makes a site the keeper of the replica, seeded with its own old disks, so that only what differs has to move.
/// Needs: room for a copy. Effect: a replica in the group's epoch; the old disks are left alone (I5), and where a later
/// start writes over them their state is kept first. Repeated: the replica of this epoch is kept. Undone: dropped.
/// </summary>
/// <param name="KeepAs">Name of the pin of what the old disks hold and nobody received; null: there is no
/// such thing.</param>
[Step("accept-replica")]
public sealed record AcceptReplica(string Site, string? KeepAs = null) : IUndoableStep
{
    public string Describe() => $"make a replica at {Site}, seeded with its old disks";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        await context.Side(Site).AcceptReplicaAsync(context.Run.Group,
            new AcceptReplicaRequest(Seeded: true, KeepAs, Complete: KeepAs is null), ct);
        var replica = await context.Side(Site).ReplicaAsync(context.Run.Group, ct);
        return StepOutcome.Saw($"replica {replica?.ReplicaId} at {Site} in epoch {replica?.Epoch}");
    }

    public Task UndoAsync(StepContext context, CancellationToken ct) =>
        context.Side(Site).DropReplicaAsync(context.Run.Group, ct);
}
