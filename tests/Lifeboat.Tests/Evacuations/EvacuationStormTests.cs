// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Evacuations;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Tests.Evacuations;

/// <summary>
/// Hundreds of kills of both controllers of a site, at moments that a seed draws, while an evacuation goes through its
/// waves: it ends as docs/operating/evacuating.md says, and each group has one run at most.
/// </summary>
public sealed class EvacuationStormTests
{
    private const int Seeds = 40, KillsWanted = 500;
    private static readonly EvacuationOptions Plain = new(2, false, false, false, []);

    private static readonly EvacuationScript[] Scripts =
    [
        new("plain", Plain, [1, 1, 1, 2, 2, 3]),
        new("all at once", Plain with { Parallel = 64 }, [1, 1, 1, 1, 1, 1]),
        new("one after the other", Plain with { Parallel = 1 }, [1, 1, 2, 2]),
        new("held", Plain with { HoldBetweenWaves = true }, [1, 2, 2, 3]),
        new("some fail", Plain, [1, 1, 1, 2, 2, 3], Fails: 0.3),
        new("some fail and it goes on", Plain with { KeepGoing = true }, [1, 1, 1, 2, 2, 3], Fails: 0.3),
        new("cancelled", Plain, [1, 1, 1, 2, 2, 3], Cancels: true),
        new("paused", Plain, [1, 1, 1, 2, 2], Pauses: true),
        new("paused, held and cancelled", Plain with { HoldBetweenWaves = true }, [1, 1, 1, 2, 2], Pauses: true,
            Cancels: true),
        new("four eyes", Plain, [1, 1, 1, 2, 2], FourEyes: true),
        new("four eyes, cancelled", Plain, [1, 1, 1, 2, 2], FourEyes: true, Cancels: true),
        new("a drill is under way", Plain, [1, 1, 1, 2, 2], Drill: true),
    ];

    [Fact]
    public void Five_hundred_kills_leave_every_evacuation_ended_as_it_should_and_no_group_with_two_runs()
    {
        var kills = 0;
        var ends = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var script in Scripts)
            for (var seed = 1UL; seed <= Seeds; seed++)
            {
                var storm = new EvacuationStorm(script, seed);
                var ended = storm.Run();
                var where = $"{script.Name}, seed {seed}: {ended.State}, "
                    + string.Join(' ', ended.Groups.Select(g => $"{g.Group} {g.State} {g.Reason}"));
                foreach (var fault in storm.Violations.Concat(Faults(script, ended, storm.Runs)))
                    Assert.Fail($"{where}: {fault}");
                kills += storm.Kills;
                var end = $"{script.Name}: {ended.State}";
                ends[end] = ends.GetValueOrDefault(end) + 1;
            }
        TestContext.Current.SendDiagnosticMessage(
            $"{kills} kills: {string.Join(", ", ends.Select(e => $"{e.Key} {e.Value}"))}");
        Assert.True(kills >= KillsWanted, $"{kills} kills are fewer than was promised");
        foreach (var wanted in new[] { "cancelled: Cancelled", "some fail: Failed", "some fail: Succeeded",
            "some fail and it goes on: SucceededWithFailures", "four eyes, cancelled: Cancelled" })
            Assert.Contains(ends, e => e.Key == wanted);
    }

    [Fact]
    public void A_site_that_forgets_the_keys_of_its_runs_is_found_out()
    {
        for (var seed = 1UL; seed <= 40; seed++)
        {
            var storm = new EvacuationStorm(Scripts[4], seed, forgetsKeys: true);
            var ended = storm.Run();
            if (storm.Violations.Concat(Faults(Scripts[4], ended, storm.Runs)).Any()) return;
        }
        Assert.Fail("forty seeds did not notice");
    }

    private static IEnumerable<string> Faults(EvacuationScript script, Evacuation ended, StormRuns runs)
    {
        var all = runs.Store.Ever.Where(r => r.Kind is RunKind.PlannedFailover)
            .ToLookup(r => r.Group);
        foreach (var group in ended.Groups)
        {
            var own = all[group.Group].ToList();
            if (own.Count > 1) yield return $"{group.Group} has {own.Count} runs";
            var state = own.Count == 0 || own[0].State is RunState.Cancelled ? EvacueeState.Skipped
                : own[0].State is RunState.Succeeded ? EvacueeState.Moved
                : own[0].Finished ? EvacueeState.Failed : EvacueeState.Running;
            if (group.State != state) yield return $"{group.Group} is {group.State}, its runs say {state}";
            if (own.Count > 0 && group.Run != own[0].Id) yield return $"{group.Group} names another run";
        }
        var (moved, failed, skipped) = (Count(EvacueeState.Moved), Count(EvacueeState.Failed),
            Count(EvacueeState.Skipped));
        var wanted = failed + skipped == 0 ? EvacuationState.Succeeded
            : skipped > 0 && script.Cancels ? EvacuationState.Cancelled
            : skipped == 0 && moved > 0 ? EvacuationState.SucceededWithFailures : EvacuationState.Failed;
        if (ended.State != wanted) yield return $"it ended {ended.State} and not {wanted}";
        if (skipped > 0 && !script.Cancels && (script.Options.KeepGoing || failed == 0))
            yield return "groups were left for no reason";

        int Count(EvacueeState state) => ended.Groups.Count(g => g.State == state);
    }
}
