// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Writes down at both sites that somebody saw the divergence and left it as it is. Needs: both answer. Changes nothing
/// else. Repeated: the first time counts. Not undone.
/// </summary>
[Step("acknowledge-fork")]
public sealed record AcknowledgeFork(IReadOnlyList<string> Sites) : IStep
{
    public string Describe() => "write down that the divergence is known and left as it is";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var group = await context.GroupAsync(ct);
        foreach (var site in Sites.Where(s => s != context.Here.Name))
            if (await context.Side(site).GroupAsync(group.Name, ct) is { } theirs && theirs.Supersedes(group))
                group = theirs;
        if (group.Fork is not { Loser: null } fork)
            throw new ProblemException(ReasonCode.WrongState, $"group {group.Name} is not diverged any more");
        if (fork.AcknowledgedAt is null)
        {
            group = group with
            {
                Version = group.Version + 1,
                Fork = fork with { AcknowledgedAt = context.Time.GetUtcNow() },
            };
        }
        foreach (var site in Sites) await context.Side(site).SetGroupAsync(group, ct);
        return StepOutcome.Saw($"both sides go on by themselves, acknowledged at {group.Fork!.AcknowledgedAt:u}");
    }
}
