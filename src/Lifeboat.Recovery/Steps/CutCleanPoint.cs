// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Cuts a clean-shutdown checkpoint and waits until it is sealed here: nothing acknowledged is missing (I3).
/// Needs: guests that are shut down and captured. Repeated: cuts another point of the same state. Not undone: a point
/// more does no harm.
/// </summary>
/// <param name="Limit">Null: five minutes.</param>
[Step("cut-clean-point")]
public sealed record CutCleanPoint(string Site, TimeSpan? Limit = null) : IStep
{
    private static readonly TimeSpan UsualLimit = TimeSpan.FromMinutes(5);

    public string Describe() => "cut a clean-shutdown point and wait until it is sealed";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var limit = Limit ?? UsualLimit;
        var request = new CheckpointRequest(Quiesce: false, CleanShutdown: true, context.Tag, limit);
        var cut = await context.Side(Site).CheckpointAsync(context.Run.Group, request, ct);
        if (!cut.Sealed)
        {
            throw new ProblemException(ReasonCode.Timeout, $"the point was not sealed within {limit}",
                "The link is too slow or down; the guests are started again.");
        }
        return StepOutcome.Saw($"point {cut.Point.Id} at sequence {cut.Point.Sequence} is sealed") with
        {
            Output = new CutPoint(cut.Point, cut.Held),
        };
    }
}
