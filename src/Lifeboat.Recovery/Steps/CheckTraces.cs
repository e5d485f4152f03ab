// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Sites;

namespace Lifeboat.Recovery.Steps;

/// <summary>Proves that the drill left nothing behind (I7). Needs: the clean-up before it. Changes nothing.</summary>
[Step("check-traces")]
public sealed record CheckTraces : IStep
{
    public string Describe() => "check that no trace is left";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var left = new List<string>(await context.Require<IMakesBubbles>().TracesAsync(context.Tag, ct));
        if (await context.Here.ReplicaAsync(context.Run.Group, ct) is { } replica)
            left.AddRange(replica.Views.Where(v => v == context.Tag).Select(v => $"view {v}"));
        return left.Count == 0
            ? StepOutcome.Saw("no process, namespace, mount, file or view of the drill is left")
            : throw new ProblemException(ReasonCode.RunFailed, "the drill left traces", string.Join("; ", left));
    }
}
