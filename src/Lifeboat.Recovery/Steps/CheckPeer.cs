// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Looks before a reprotect: the other site answers and knows no newer epoch than the one to turn round.
/// Changes nothing.
/// </summary>
[Step("check-peer")]
public sealed record CheckPeer(string Primary, string Recovery) : IStep
{
    public string Describe() => $"check that {Primary} and {Recovery} answer and agree";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var group = await context.GroupAsync(ct);
        var other = Primary == context.Here.Name ? Recovery : Primary;
        var theirs = await context.Side(other).GroupAsync(group.Name, ct);
        if (theirs is not null && theirs.Epoch > context.Run.Before.Epoch && theirs.Epoch > group.Epoch)
        {
            throw new ProblemException(ReasonCode.StaleEpoch,
                $"{other} knows group {group.Name} in epoch {theirs.Epoch}, this site in {group.Epoch}",
                $"There its primary site is {theirs.PrimarySite}. Run the reprotect there.");
        }
        return StepOutcome.Saw($"{other} answers and knows epoch {(theirs?.Epoch)?.ToString() ?? "none"}");
    }
}
