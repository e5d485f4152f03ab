// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Recovery.Sides;

namespace Lifeboat.Recovery.Steps;

/// <summary>Proves that a drill left no volume behind (I7). Needs: the clean-up before it. Changes nothing.</summary>
[Step("check-restored-gone")]
public sealed record CheckRestoredGone : IStep
{
    public string Describe() => "check that no volume is left";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var left = await context.Require<IRestoresVolumes>().RestoredAsync(context.Tag, ct);
        return left.Count == 0 ? StepOutcome.Saw("no volume of the drill is left")
            : throw new ProblemException(ReasonCode.RunFailed, "the drill left traces",
                string.Join("; ", left.Select(v => $"volume {v.Name} ({v.Id}), {v.Status}")));
    }
}
