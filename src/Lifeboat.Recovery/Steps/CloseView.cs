// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Steps;

/// <summary>Closes the run's view. Needs: nobody uses it. Repeated: closing again succeeds. Not undone.</summary>
[Step("close-view")]
public sealed record CloseView : IStep
{
    public string Describe() => "close the view";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        await context.Here.CloseViewAsync(context.Run.Group, context.Tag, ct);
        return StepOutcome.Saw();
    }
}
