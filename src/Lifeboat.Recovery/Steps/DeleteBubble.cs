// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites;

namespace Lifeboat.Recovery.Steps;

/// <summary>Deletes the drill's networks. Repeated: deleting what is gone succeeds. Not undone.</summary>
[Step("delete-bubble")]
public sealed record DeleteBubble : IStep
{
    public string Describe() => "delete the isolated networks";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        await context.Require<IMakesBubbles>().DeleteBubbleAsync(context.Tag, ct);
        return StepOutcome.Saw();
    }
}
