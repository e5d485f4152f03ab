// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Usage;

/// <summary>When instances ran because of a run, from what the run wrote down of its steps. Pure.</summary>
internal static class InstanceTime
{
    private const string Start = "start-instances";
    private const string Stop = "stop-copies";

    /// <summary>From the start of the copies of a drill until they were stopped; null: none were started.</summary>
    public static (DateTimeOffset From, DateTimeOffset To)? OfDrill(Run run, DateTimeOffset now)
    {
        if (run.Kind is not RunKind.TestFailover || StartedAt(run) is not { } from) return null;
        var stopped = run.Steps.LastOrDefault(s => s.Name == Stop && s.Done)?.FinishedAt;
        return (from, stopped ?? run.FinishedAt ?? now);
    }

    /// <summary>Since when instances run in recovery because of this move; null: it brought them home, or nothing
    /// runs.</summary>
    public static DateTimeOffset? OfRecovery(Run run) =>
        run.Kind is RunKind.Failover or RunKind.PlannedFailover && EndedWell(run) ? StartedAt(run) : null;

    /// <summary>It decided where the instances run.</summary>
    public static bool IsMove(Run run) => EndedWell(run)
        && run.Kind is RunKind.Failover or RunKind.PlannedFailover or RunKind.Failback or RunKind.Resolve;

    private static bool EndedWell(Run run) => run.State is RunState.Succeeded or RunState.SucceededWithWarnings;

    private static DateTimeOffset? StartedAt(Run run) =>
        run.Steps.FirstOrDefault(s => s.Name == Start && s.Begun)?.StartedAt;
}
