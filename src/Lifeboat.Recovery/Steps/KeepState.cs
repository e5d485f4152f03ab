// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Makes the site that gave way the keeper of the replica, seeded with its own disks; and keeps their state beside it
/// as a pinned point: it can be opened, drilled and failed over to (I5). Needs: its instances are stopped; room for two
/// copies, or a file system that shares blocks. Effect: the kept state, then a replica in the group's epoch; the disks
/// themselves are left alone. Repeated: what is kept stays, and the replica of this epoch. Undone: the replica is
/// dropped; what is kept stays until a person lets it go.
/// </summary>
[Step("keep-state")]
public sealed record KeepState(string Site, string Pin) : IUndoableStep
{
    public string Describe() => $"keep the state of {Site} beside a replica there, as a pinned point";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var kept = await context.Side(Site).AcceptKeepingAsync(context.Run.Group, Pin, ct);
        return StepOutcome.Saw($"the state of {Site} is point {kept.Id}, pinned as {Pin}: "
            + $"`lifeboat drill {context.Run.Group} --point {kept.Id}` at {Site} boots it") with
        {
            Output = new KeptState(Site, kept),
        };
    }

    public Task UndoAsync(StepContext context, CancellationToken ct) =>
        context.Side(Site).DropReplicaAsync(context.Run.Group, ct);
}
