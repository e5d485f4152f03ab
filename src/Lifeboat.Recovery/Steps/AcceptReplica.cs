// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Makes a site the keeper of the replica, seeded with its own old disks, so that only what differs has to move.
/// Needs: room for a copy. Effect: a replica in the group's epoch; the old disks are left alone (I5). Repeated: the
/// replica of this epoch is kept. Undone: dropped.
/// </summary>
[Step("accept-replica")]
public sealed record AcceptReplica(string Site) : IUndoableStep
{
    public string Describe() => $"make a replica at {Site}, seeded with its old disks";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        await context.Side(Site).AcceptReplicaAsync(context.Run.Group, seeded: true, ct);
        var replica = await context.Side(Site).ReplicaAsync(context.Run.Group, ct);
        return StepOutcome.Saw($"replica {replica?.ReplicaId} at {Site} in epoch {replica?.Epoch}");
    }

    public Task UndoAsync(StepContext context, CancellationToken ct) =>
        context.Side(Site).DropReplicaAsync(context.Run.Group, ct);
}
