// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Looks before the loser's instances are stopped: those of the site that is to go on must run. Changes nothing.
/// </summary>
/// <param name="Why">What told that this side is the newest; null when it was named.</param>
[Step("check-winner")]
public sealed record CheckWinner(string Site, string? Why) : IStep
{
    public string Describe() => $"check that the instances at {Site} run";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var group = context.Run.Group;
        if (!await context.Side(Site).RunsAsync(group, ct))
        {
            throw new ProblemException(ReasonCode.WrongState,
                $"not all instances of group {group} run at {Site}: nothing would go on there",
                "Keep the other side; what this one holds is kept as a point, and a failover can start from it.");
        }
        return StepOutcome.Saw([$"every instance runs at {Site}", .. Why is null ? [] : new[] { Why }]);
    }
}
