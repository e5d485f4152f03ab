// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Recovery.Evacuations;

// What may become of an evacuation. Pure: the same evacuation comes back where nothing changes.
//
//   RUNNING ──► wave 1 ─► wave 2 ─► … ─► SUCCEEDED / SUCCEEDED-WITH-FAILURES / FAILED
//    │  ▲          │ hold between waves          │ a group of a wave failed, and not keep-going: the later
//    │  │          ▼                             ▼ waves are skipped
//    │  │       HOLDING ── continue ──►        FAILED
//    │  └ resume ─ PAUSED: runs under way go on
//    └─ cancel ──► CANCELLING: runs under way end ──► CANCELLED
//
//   a group:  WAITING ─► STARTING ─► (WAITING-APPROVAL ─►) RUNNING ─► MOVED / FAILED
//                 └─► SKIPPED
//   STARTING is stored before its run is asked for, under a key of its own: who finds it so after a kill asks again,
//   and gets the run that there is.

/// <summary>How an evacuation goes on.</summary>
public static class EvacuationRules
{
    public const int ParallelMost = 64;
    public const int WavesMost = 100;

    /// <exception cref="ProblemException">WrongState.</exception>
    public static Evacuation Signal(Evacuation evacuation, EvacuationSignal signal)
    {
        if (evacuation.Finished) throw Wrong($"evacuation {evacuation.Id} is over: {Name(evacuation.State)}");
        if (evacuation.State is EvacuationState.Cancelling)
            return signal is EvacuationSignal.Cancel ? evacuation
                : throw Wrong($"evacuation {evacuation.Id} was cancelled", "It ends when its runs under way have.");
        return signal switch
        {
            EvacuationSignal.Pause when evacuation.State is EvacuationState.Paused => evacuation,
            EvacuationSignal.Pause => evacuation with { State = EvacuationState.Paused },
            EvacuationSignal.Resume when evacuation.State is EvacuationState.Running => evacuation,
            EvacuationSignal.Resume when evacuation.State is EvacuationState.Holding => throw Wrong(
                $"evacuation {evacuation.Id} is not paused, it waits between two waves",
                $"`lifeboat evacuation continue {evacuation.Id}` lets the next one begin."),
            EvacuationSignal.Resume => evacuation with
            {
                State = evacuation.Held ? EvacuationState.Holding : EvacuationState.Running,
            },
            EvacuationSignal.Continue when !evacuation.Held => throw Wrong(
                $"evacuation {evacuation.Id} does not wait between two waves: {Name(evacuation.State)}",
                evacuation.State is EvacuationState.Paused
                    ? $"`lifeboat evacuation resume {evacuation.Id}` ends the pause." : null),
            EvacuationSignal.Continue => evacuation with
            {
                Held = false,
                Wave = Next(evacuation)!.Value,
                State = evacuation.State is EvacuationState.Holding ? EvacuationState.Running : evacuation.State,
            },
            EvacuationSignal.Cancel => evacuation with { State = EvacuationState.Cancelling },
        };
    }

    /// <summary>The group as its run is now.</summary>
    public static Evacuee Seen(Evacuee group, Run run)
    {
        var state = run.State switch
        {
            RunState.WaitingApproval => EvacueeState.WaitingApproval,
            RunState.Pending or RunState.Running => EvacueeState.Running,
            RunState.Succeeded or RunState.SucceededWithWarnings => EvacueeState.Moved,
            RunState.Failed or RunState.Cancelled or RunState.RolledBack => EvacueeState.Failed,
        };
        if (group.State == state && group.Run == run.Id) return group;
        return group with
        {
            State = state,
            Run = run.Id,
            Reason = state is not EvacueeState.Failed ? ReasonCode.None
                : run.Reason is ReasonCode.None ? ReasonCode.RunFailed : run.Reason,
            Detail = state switch
            {
                EvacueeState.Failed => $"the run {Ended(run.State)}{(run.Detail is { } why ? $": {why}" : "")}",
                EvacueeState.Moved when run.Warnings.Any() => string.Join("; ", run.Warnings),
                _ => null,
            },
            FinishedAt = run.FinishedAt,
        };
    }

    /// <summary>What comes next: groups whose turn it is, the next wave, a hold, the end.</summary>
    public static Evacuation Advance(Evacuation evacuation, DateTimeOffset now)
    {
        if (evacuation.Finished) return evacuation;
        if (evacuation.State is EvacuationState.Cancelling)
            return evacuation.Groups.Any(g => g.Active) ? evacuation : End(evacuation, now, EvacuationState.Cancelled);
        if (evacuation.Groups.All(g => g.Ended)) return End(evacuation, now, null);
        var over = evacuation.Groups.Where(g => g.Wave <= evacuation.Wave).All(g => g.Ended);
        if (over && !evacuation.Options.KeepGoing && evacuation.Groups.Any(g => g.State is EvacueeState.Failed))
            return End(evacuation, now, null);
        if (over && !evacuation.Held)
            evacuation = evacuation.Options.HoldBetweenWaves ? Hold(evacuation)
                : evacuation with { Wave = Next(evacuation)!.Value };
        return evacuation.State is EvacuationState.Running ? Begin(evacuation, now) : evacuation;
    }

    private static Evacuation Hold(Evacuation evacuation) => evacuation with
    {
        Held = true,
        State = evacuation.State is EvacuationState.Running ? EvacuationState.Holding : evacuation.State,
    };

    // The next wave that has anybody; null: it was the last.
    private static int? Next(Evacuation evacuation) =>
        evacuation.Groups.Where(g => g.Wave > evacuation.Wave).Select(g => (int?)g.Wave).Min();

    private static Evacuation Begin(Evacuation evacuation, DateTimeOffset now)
    {
        var places = evacuation.Options.Parallel - evacuation.Groups.Count(g => g.Active);
        var begun = evacuation.Groups.Where(g => g.Wave == evacuation.Wave && g.State is EvacueeState.Waiting)
            .Take(Math.Max(places, 0)).Select(g => g.Group).ToHashSet(StringComparer.Ordinal);
        if (begun.Count == 0) return evacuation;
        return evacuation with
        {
            Groups =
            [
                .. evacuation.Groups.Select(g => begun.Contains(g.Group)
                    ? g with { State = EvacueeState.Starting, StartedAt = now } : g),
            ],
        };
    }

    private static Evacuation End(Evacuation evacuation, DateTimeOffset now, EvacuationState? cancelled)
    {
        var left = evacuation.Groups.Count(g => !g.Ended);
        var ended = evacuation with
        {
            Held = false,
            FinishedAt = now,
            Groups =
            [
                .. evacuation.Groups.Select(g => g.Ended ? g
                    : g with { State = EvacueeState.Skipped, StartedAt = null }),
            ],
        };
        var skipped = ended.Groups.Count(g => g.State is EvacueeState.Skipped);
        var failed = ended.Groups.Count(g => g.State is EvacueeState.Failed);
        var state = skipped > 0 ? cancelled ?? EvacuationState.Failed
            : failed == 0 ? EvacuationState.Succeeded
            : failed < ended.Groups.Count ? EvacuationState.SucceededWithFailures : EvacuationState.Failed;
        return ended with
        {
            State = state,
            Detail = state is EvacuationState.Failed && left > 0
                ? $"stopped at the failure in wave {ended.Wave}: {left} group(s) of later waves were left" : null,
        };
    }

    private static string Ended(RunState state) => state switch
    {
        RunState.Cancelled => "was cancelled",
        RunState.RolledBack => "was undone",
        _ => "failed",
    };

    private static string Name(EvacuationState state) =>
        System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(state.ToString());

    private static ProblemException Wrong(string title, string? detail = null) =>
        new(ReasonCode.WrongState, title, detail);
}
