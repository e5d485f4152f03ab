// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Evacuations;
using Lifeboat.Recovery.Runs;
using Lifeboat.Tests.Controller;

namespace Lifeboat.Tests.Evacuations;

/// <summary>How an evacuation goes on, and what may be asked of it when.</summary>
public sealed class EvacuationRulesTests
{
    internal static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private static readonly EvacuationOptions Plain = new(2, HoldBetweenWaves: false, KeepGoing: false,
        SourceIsDead: false, []);

    [Fact]
    public void No_more_runs_begin_than_there_are_places_and_the_next_wave_waits_for_the_one_before()
    {
        var evacuation = EvacuationRules.Advance(Of(Plain, 1, 1, 1, 2), Now);
        Assert.Equal("1 SSW W", Shape(evacuation));
        Assert.Same(evacuation, EvacuationRules.Advance(evacuation, Now));
        evacuation = EvacuationRules.Advance(Ended(evacuation, "g1"), Now);
        Assert.Equal("1 SMS W", Shape(evacuation));
        evacuation = EvacuationRules.Advance(Ended(evacuation, "g0"), Now);
        Assert.Equal("1 MMS W", Shape(evacuation));
        evacuation = EvacuationRules.Advance(Ended(evacuation, "g2"), Now);
        Assert.Equal("2 MMM S", Shape(evacuation));
        evacuation = EvacuationRules.Advance(Ended(evacuation, "g3"), Now);
        Assert.Equal((EvacuationState.Succeeded, Now), (evacuation.State, evacuation.FinishedAt));
    }

    [Fact]
    public void A_failure_stops_no_other_of_its_wave_and_leaves_the_later_ones_unless_it_is_to_keep_going()
    {
        var begun = EvacuationRules.Advance(Of(Plain, 1, 1, 2), Now);
        var failed = EvacuationRules.Advance(Ended(begun, "g0", EvacueeState.Failed), Now);
        Assert.Equal("1 FS W", Shape(failed));
        var ended = EvacuationRules.Advance(Ended(failed, "g1"), Now);
        Assert.Equal((EvacuationState.Failed, "1 FM -"), (ended.State, Shape(ended)));
        Assert.Contains("wave 1: 1 group(s)", ended.Detail, StringComparison.Ordinal);

        var on = EvacuationRules.Advance(Ended(failed with { Options = Plain with { KeepGoing = true } }, "g1"), Now);
        Assert.Equal("2 FM S", Shape(on));
        on = EvacuationRules.Advance(Ended(on, "g2"), Now);
        Assert.Equal((EvacuationState.SucceededWithFailures, null), (on.State, on.Detail));
        // In the last wave nothing is left behind it; and when nothing was moved at all, nothing has succeeded.
        var last = EvacuationRules.Advance(Of(Plain, 1, 1), Now);
        Assert.Equal(EvacuationState.SucceededWithFailures, EvacuationRules.Advance(
            Ended(Ended(last, "g0"), "g1", EvacueeState.Failed), Now).State);
        Assert.Equal(EvacuationState.Failed, EvacuationRules.Advance(
            Ended(Ended(last, "g0", EvacueeState.Failed), "g1", EvacueeState.Failed), Now).State);
    }

    [Fact]
    public void A_hold_waits_for_continue_also_over_a_pause()
    {
        var held = EvacuationRules.Advance(Ended(EvacuationRules.Advance(
            Of(Plain with { HoldBetweenWaves = true }, 1, 2, 3), Now), "g0"), Now);
        Assert.Equal((EvacuationState.Holding, "1 M W W"), (held.State, Shape(held)));
        Assert.Same(held, EvacuationRules.Advance(held, Now));
        Refused(held, EvacuationSignal.Resume, "evacuation continue");
        var paused = EvacuationRules.Signal(held, EvacuationSignal.Pause);
        Assert.Equal(EvacuationState.Holding, EvacuationRules.Signal(paused, EvacuationSignal.Resume).State);
        var continued = EvacuationRules.Signal(paused, EvacuationSignal.Continue);
        Assert.Equal((EvacuationState.Paused, 2), (continued.State, continued.Wave));
        Refused(continued, EvacuationSignal.Continue, "does not wait");
        Assert.Equal("2 M W W", Shape(EvacuationRules.Advance(continued, Now)));
        var second = EvacuationRules.Advance(EvacuationRules.Signal(held, EvacuationSignal.Continue), Now);
        Assert.Equal("2 M S W", Shape(second));
        // Behind the last wave there is nothing to wait for.
        var third = EvacuationRules.Signal(EvacuationRules.Advance(Ended(second, "g1"), Now),
            EvacuationSignal.Continue);
        Assert.Equal(EvacuationState.Succeeded,
            EvacuationRules.Advance(Ended(EvacuationRules.Advance(third, Now), "g2"), Now).State);
    }

    [Fact]
    public void A_pause_lets_nothing_begin_and_a_cancel_ends_when_what_was_begun_has()
    {
        var paused = EvacuationRules.Signal(EvacuationRules.Advance(Of(Plain, 1, 1, 1, 2), Now),
            EvacuationSignal.Pause);
        Assert.Same(paused, EvacuationRules.Signal(paused, EvacuationSignal.Pause));
        paused = EvacuationRules.Advance(Ended(paused, "g0"), Now);
        Assert.Equal((EvacuationState.Paused, "1 MSW W"), (paused.State, Shape(paused)));
        var resumed = EvacuationRules.Signal(paused, EvacuationSignal.Resume);
        Assert.Same(resumed, EvacuationRules.Signal(resumed, EvacuationSignal.Resume));
        Assert.Equal("1 MSS W", Shape(EvacuationRules.Advance(resumed, Now)));

        var cancelling = EvacuationRules.Signal(paused, EvacuationSignal.Cancel);
        Assert.Same(cancelling, EvacuationRules.Signal(cancelling, EvacuationSignal.Cancel));
        Refused(cancelling, EvacuationSignal.Resume, "was cancelled");
        Assert.Same(cancelling, EvacuationRules.Advance(cancelling, Now));
        var ended = EvacuationRules.Advance(Ended(cancelling, "g1"), Now);
        Assert.Equal((EvacuationState.Cancelled, "1 MM- -"), (ended.State, Shape(ended)));
        Refused(ended, EvacuationSignal.Pause, "is over: cancelled");
        // Cancelled when all had had their turn: it came to the end all the same.
        var late = EvacuationRules.Signal(EvacuationRules.Advance(Of(Plain, 1), Now), EvacuationSignal.Cancel);
        Assert.Equal(EvacuationState.Succeeded, EvacuationRules.Advance(Ended(late, "g0"), Now).State);
    }

    [Fact]
    public void A_group_is_as_its_run_is_also_when_a_failed_one_is_taken_up_again()
    {
        var run = RunStoreConformance.NewRun("g0", 1) with { Kind = RunKind.PlannedFailover };
        var group = new Evacuee("g0", 1) { State = EvacueeState.Starting, Reason = ReasonCode.RunInProgress };
        var running = EvacuationRules.Seen(group, run);
        Assert.Equal((EvacueeState.Running, run.Id, ReasonCode.None), (running.State, running.Run, running.Reason));
        Assert.Same(running, EvacuationRules.Seen(running, run with { State = RunState.Running }));
        Assert.Equal(EvacueeState.WaitingApproval,
            EvacuationRules.Seen(group, run with { State = RunState.WaitingApproval }).State);
        var over = run with { FinishedAt = Now };
        var failed = EvacuationRules.Seen(running, over with
        {
            State = RunState.RolledBack,
            Reason = ReasonCode.TargetFull,
            Detail = "no room",
        });
        Assert.Equal((EvacueeState.Failed, ReasonCode.TargetFull, "the run was undone: no room", Now),
            (failed.State, failed.Reason, failed.Detail, failed.FinishedAt));
        Assert.Equal(ReasonCode.RunFailed,
            EvacuationRules.Seen(running, over with { State = RunState.Cancelled }).Reason);
        Assert.Equal((EvacueeState.Running, null),
            (EvacuationRules.Seen(failed, run).State, EvacuationRules.Seen(failed, run).FinishedAt));
        Assert.Equal(EvacueeState.Moved,
            EvacuationRules.Seen(running, over with { State = RunState.SucceededWithWarnings }).State);
    }

    internal static Evacuation Of(EvacuationOptions options, params int[] waves) => new()
    {
        Id = new Guid("0198c1a4-5f10-7c3e-8d54-2f6a0b9c1d7e"),
        Site = "b",
        From = "a",
        State = EvacuationState.Running,
        Options = options,
        CreatedAt = Now,
        Wave = 1,
        Groups = [.. waves.Select((wave, i) => new Evacuee($"g{i}", wave))],
    };

    private static Evacuation Ended(Evacuation evacuation, string group, EvacueeState state = EvacueeState.Moved) =>
        evacuation.With(evacuation.Groups.Single(g => g.Group == group) with { State = state, FinishedAt = Now });

    // `1 SMW -`: wave 1; starting, moved, waiting in the first one, skipped in the second one.
    private static string Shape(Evacuation evacuation) => $"{evacuation.Wave} " + string.Join(' ',
        evacuation.Groups.GroupBy(g => g.Wave).Select(w => string.Concat(w.Select(g => g.State switch
        {
            EvacueeState.Waiting => 'W',
            EvacueeState.Starting => 'S',
            EvacueeState.Moved => 'M',
            EvacueeState.Failed => 'F',
            EvacueeState.Skipped => '-',
            _ => '?',
        }))));

    private static void Refused(Evacuation evacuation, EvacuationSignal signal, string why)
    {
        var refused = Assert.Throws<ProblemException>(() => EvacuationRules.Signal(evacuation, signal));
        Assert.Equal(ReasonCode.WrongState, refused.Reason);
        Assert.Contains(why, $"{refused.Message} {refused.Detail}", StringComparison.Ordinal);
    }
}
