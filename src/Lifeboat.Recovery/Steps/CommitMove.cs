// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Ends a move: from here on only another move leads back. Needs: this site is primary and runs the instances.
/// Changes nothing else. Repeated: checks again. Not undone.
/// </summary>
[Step("commit")]
public sealed record CommitMove : IStep
{
    public string Describe() => "commit the move";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var group = await context.GroupAsync(ct);
        if (group.PrimarySite != context.Here.Name)
        {
            throw new ProblemException(ReasonCode.PrimaryMoved,
                $"site {group.PrimarySite} took over group {group.Name} in epoch {group.Epoch}");
        }
        return StepOutcome.Saw($"{group.PrimarySite} is primary in epoch {group.Epoch}");
    }
}
