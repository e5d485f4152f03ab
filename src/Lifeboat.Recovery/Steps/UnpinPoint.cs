// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Steps;

/// <summary>Takes the run's pin off. Repeated: taking off what is off succeeds. Not undone.</summary>
[Step("unpin-point")]
public sealed record UnpinPoint : IStep
{
    public string Describe() => "unpin the point";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        await context.Here.UnpinAsync(context.Run.Group, context.Tag, ct);
        return StepOutcome.Saw();
    }
}
