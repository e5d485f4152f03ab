// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Takes the run's pin off; a point that the sides may have parted at stays pinned under the fork's name, for what each
/// changed since is told by it. Repeated: taking off what is off succeeds. Not undone.
/// </summary>
[Step("unpin-point")]
public sealed record UnpinPoint : IStep
{
    public string Describe() => "unpin the point";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var group = await context.GroupAsync(ct);
        if (group.Fork is { Loser: null, Sequence: > 0 } fork
            && context.Run.Find<PickedPoint>()?.Point.Id == fork.PointId)
            await context.Here.PinAsync(group.Name, new PinRequest(fork.KeptName, fork.PointId), ct);
        await context.Here.UnpinAsync(context.Run.Group, context.Tag, ct);
        return StepOutcome.Saw();
    }
}
