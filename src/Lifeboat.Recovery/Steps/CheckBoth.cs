// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Plans;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Looks before a planned move leaps: both sites agree on the group, replication streams, nothing is missing here.
/// Changes nothing.
/// </summary>
[Step("check-both-sites")]
public sealed record CheckBoth(string Primary, string Recovery) : IStep
{
    public string Describe() => $"check that {Primary} and {Recovery} are ready";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var group = await context.GroupAsync(ct);
        var theirs = await context.Side(Primary).GroupAsync(group.Name, ct);
        var source = await context.Side(Primary).SourceAsync(group.Name, ct);
        var replica = await context.Here.ReplicaAsync(group.Name, ct);
        var faults = new List<string>();
        if (theirs is null) faults.Add($"{Primary} does not know the group");
        else if (theirs.Epoch != group.Epoch)
            faults.Add($"{Primary} is in epoch {theirs.Epoch}, {Recovery} in {group.Epoch}");
        if (source?.Phase is not SourcePhase.Streaming)
            faults.Add($"the source does not stream: {(source is null ? "there is none" : Said(source))}");
        if (source?.Suspension is { } suspended)
            faults.Add($"the group is suspended until {suspended.Until:u}: resume it first");
        if (replica is null) faults.Add($"{Recovery} has no replica");
        if (!context.Run.Input.DespiteGaps)
            faults.AddRange((await GroupFit.AskAsync(context.Here, group, RunKind.PlannedFailover, ct)).Gaps);
        return faults.Count == 0
            ? StepOutcome.Saw($"both in epoch {group.Epoch}, streaming, lag {source!.Lag.TotalMilliseconds:0} ms")
            : throw new ProblemException(ReasonCode.WrongState,
                $"group {group.Name} is not ready for a planned move: {faults[0]}", string.Join("; ", faults), faults);
    }

    private static string Said(SourceStatus source) => $"{source.Phase} ({source.Reason})";
}
