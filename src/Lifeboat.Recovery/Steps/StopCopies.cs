// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Steps;

/// <summary>Stops and removes a drill's copies. Repeated: removing what is gone succeeds. Not undone.</summary>
[Step("stop-copies")]
public sealed record StopCopies : IStep
{
    public string Describe() => "stop and remove the copies";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var copies = context.Run.Before.Members
            .Select(m => StartInstances.CopyName(context.Tag, m.Instance)).ToList();
        foreach (var copy in copies) await context.Here.RemoveAsync(copy, ct);
        return StepOutcome.Saw($"removed {string.Join(", ", copies)}");
    }
}
