// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Recovery.Sides;

namespace Lifeboat.Recovery.Steps;

/// <summary>Removes what a drill restored. Repeated: removing what is gone succeeds. Not undone.</summary>
[Step("remove-restored")]
public sealed record RemoveRestored : IStep
{
    public string Describe() => "remove the copies of the volumes";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        await context.Require<IRestoresVolumes>().RemoveRestoredAsync(context.Tag, ct);
        return StepOutcome.Saw();
    }
}
