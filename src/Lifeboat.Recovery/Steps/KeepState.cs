// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Makes the site that gave way the keeper of the replica, seeded with its own disks, whose state stays as a pinned
/// point: it can be opened, drilled and failed over to (I5). Needs: its instances are stopped; room for a copy. Effect:
/// a replica in the group's epoch; the disks themselves are left alone. Repeated: the replica of this epoch is kept.
/// Undone: dropped; the disks hold that state still.
/// </summary>
[Step("keep-state")]
public sealed record KeepState(string Site, string Pin) : IUndoableStep
{
    public string Describe() => $"keep the state of {Site} as a pinned point of a replica there";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        await context.Side(Site).AcceptKeepingAsync(context.Run.Group, Pin, ct);
        var replica = await context.Side(Site).ReplicaAsync(context.Run.Group, ct);
        var kept = replica?.Oldest is { IsOrigin: true } oldest
            ? oldest
            : throw new ProblemException(ReasonCode.Unexpected, $"the state of {Site} is not among its points");
        return StepOutcome.Saw($"the state of {Site} is point {kept.Id}, pinned as {Pin}: "
            + $"`lifeboat drill {context.Run.Group} --point {kept.Id}` at {Site} boots it") with
        {
            Output = new KeptState(Site, kept),
        };
    }

    public Task UndoAsync(StepContext context, CancellationToken ct) =>
        context.Side(Site).DropReplicaAsync(context.Run.Group, ct);
}
