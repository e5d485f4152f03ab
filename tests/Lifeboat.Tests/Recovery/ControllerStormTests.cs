// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Reports;
using Lifeboat.Recovery.Runs;
using Lifeboat.Testing;
using Lifeboat.Testing.Recovery;

namespace Lifeboat.Tests.Recovery;

/// <summary>
/// Hundreds of kills of both controllers of a site, at moments that a seed draws, while runs of every kind are asked
/// for, approved, held, cancelled and undone: each ends as docs/operating/runs.md says, no effect is there twice, the
/// report is whole, and nobody works without the lease. `LIFEBOAT_STORM_SEEDS=FROM-TO` tries others.
/// </summary>
public sealed class ControllerStormTests
{
    private const int KillsWanted = 500;

    private static readonly StormScript[] Scripts =
    [
        new(RunKind.TestFailover, Input("drill"), false),
        new(RunKind.TestFailover, Input("held") with { Hold = TimeSpan.FromMinutes(1) }, false),
        new(RunKind.TestFailover, Input("stopped"), true),
        new(RunKind.Failover, Input("failover"), false),
        new(RunKind.Failover, Input("approved") with { FourEyes = true, RequestedBy = "first" }, false),
        new(RunKind.Failover, Input("regretted"), true),
        new(RunKind.PlannedFailover, Input("planned"), false),
        new(RunKind.PlannedFailover, Input("put-off"), true),
        new(RunKind.Reprotect, Input("reprotect"), false),
        new(RunKind.Failback, Input("failback"), false),
        new(RunKind.Failback, Input("not-yet"), true),
        new(RunKind.Resolve, Input("resolve"), false),
    ];

    [Fact]
    public void Five_hundred_kills_leave_every_run_in_a_documented_end_state_with_nothing_done_twice()
    {
        var (from, to) = Seeds();
        var kills = 0;
        var ends = new SortedDictionary<string, int>(StringComparer.Ordinal);
        for (var seed = from; seed < to; seed++)
            foreach (var script in Scripts)
            {
                var (storm, world, run) = Storm(script, seed);
                var where = $"seed {seed}, {script.Input.IdempotencyKey}: {run.State} {run.Reason} {run.Detail}";
                Assert.True(storm.Violations.Count == 0, $"{where}: {string.Join("; ", storm.Violations)}");
                foreach (var fault in Faults(script, world, run)) Assert.Fail($"{where}: {fault}");
                kills += storm.Kills;
                var end = $"{script.Kind} {run.State}";
                ends[end] = ends.GetValueOrDefault(end) + 1;
            }
        TestContext.Current.SendDiagnosticMessage(
            $"{kills} kills: {string.Join(", ", ends.Select(e => $"{e.Key} {e.Value}"))}");
        Assert.True(kills >= KillsWanted || to - from < 10, $"{kills} kills are fewer than was promised");
        Assert.Contains(ends, e => e.Key == "Failover Cancelled");
        Assert.Contains(ends, e => e.Key == "PlannedFailover Cancelled");
    }

    [Theory]
    [InlineData(true, false, "not written down")]
    [InlineData(false, true, "the lease is held by")]
    public void A_runner_that_forgets_intents_or_leases_is_found_out(bool forgetsIntents, bool asksNobody, string how)
    {
        for (var seed = 1UL; seed <= 10; seed++)
        {
            var storm = new ControllerStormRun(Scripts[0], seed, forgetsIntents, asksNobody);
            if (storm.Violations.Any(v => v.Contains(how, StringComparison.Ordinal))) return;
        }
        Assert.Fail("ten seeds did not notice");
    }

    private sealed class ControllerStormRun
    {
        public ControllerStormRun(StormScript script, ulong seed, bool forgetsIntents, bool asksNobody)
        {
            var world = Prepared(script.Kind, seed);
            var storm = new ControllerStorm(world, SiteOf(script.Kind, world), new Prng(seed), forgetsIntents,
                asksNobody);
            Violations = storm.Violations;
            try
            {
                storm.Run(WithChoice(script, world));
            }
            // What a flaw makes of the world may be anything; that it is seen is what counts.
            catch (InvalidOperationException)
            {
            }
        }

        public IReadOnlyList<string> Violations { get; }
    }

    private static (ControllerStorm, RecoveryWorld, Run) Storm(StormScript script, ulong seed)
    {
        var world = Prepared(script.Kind, seed);
        var storm = new ControllerStorm(world, SiteOf(script.Kind, world), new Prng(seed));
        return (storm, world, storm.Run(WithChoice(script, world)));
    }

    // The end states of docs/operating/runs.md, and what must be so in each.
    private static IEnumerable<string> Faults(StormScript script, RecoveryWorld world, Run run)
    {
        RunState[] allowed = script.Cancels ? [RunState.Succeeded, RunState.Cancelled] : [RunState.Succeeded];
        if (!allowed.Contains(run.State)) yield return "no end state of such a run";
        var (calm, snapshot) = Calm[script.Kind];
        if (run.State is RunState.Succeeded && world.Snapshot() != snapshot)
            yield return $"the world is {world.Snapshot()} and not {snapshot}";
        foreach (var (side, still) in new[] { (world.A, calm.A), (world.B, calm.B) })
        {
            if (side.Site.Boots > still.Site.Boots)
                yield return $"{side.Site.Boots} boots at {side.Name}, undisturbed {still.Site.Boots}";
            if (side.Agent.ReplicasMade > still.Agent.ReplicasMade)
                yield return $"{side.Agent.ReplicasMade} replicas at {side.Name}";
        }
        if (run.State is RunState.Cancelled)
            foreach (var fault in LeftBehind(world, run)) yield return fault;
        foreach (var fault in ReportFaults(run)) yield return fault;
    }

    // Cancelled: as it was before, and no trace of it.
    private static IEnumerable<string> LeftBehind(RecoveryWorld world, Run run)
    {
        var at = run.Site == "a" ? world.A : world.B;
        var primary = run.Before.PrimarySite == "a" ? world.A : world.B;
        if (at.Site.Bubbles.Count > 0) yield return "a bubble is left";
        if (at.Agent.ReplicaSpec(RecoveryWorld.Group) is not null)
        {
            if (at.Agent.Views(RecoveryWorld.Group).Count > 0) yield return "a view is left";
            if (at.Agent.Pins(RecoveryWorld.Group).Count > 0) yield return "a pin is left";
        }
        if (at.Known(RecoveryWorld.Group).PrimarySite != run.Before.PrimarySite) yield return "the roles are turned";
        var (there, here) = (Power(world, primary), Power(world, at == primary ? Other(world, at) : at));
        if (run.Kind is RunKind.PlannedFailover or RunKind.Failback && there.Any(p => p is not InstancePower.Running))
            yield return $"the instances at {primary.Name} do not run";
        if (here.Any(p => p is InstancePower.Running)) yield return $"instances run at {at.Name}";
    }

    private static IEnumerable<string> ReportFaults(Run run)
    {
        var report = RunReports.Of(run);
        if (report.Outcome != run.State || report.Steps.Count != run.Steps.Count) yield return "another report";
        foreach (var step in report.Steps)
        {
            var begun = step.State is not StepState.Skipped;
            if (begun != step.Attempts > 0) yield return $"{step.Name} {step.State}, {step.Attempts} attempts";
            if (begun != step.StartedAt is not null) yield return $"{step.Name} does not say when it began";
            if (step.State is StepState.Succeeded or StepState.Failed && step.Duration is null)
                yield return $"{step.Name} does not say how long it took";
            if (step.State is StepState.Pending or StepState.Running) yield return $"{step.Name} is {step.State}";
        }
        if (report.FinishedAt < report.StartedAt) yield return "it ended before it began";
        if (run.State is RunState.Cancelled && report.Detail is null) yield return "no reason";
    }

    // What each kind leaves when nobody is killed.
    private static readonly Dictionary<RunKind, (RecoveryWorld World, string Snapshot)> Calm =
        Scripts.Select(s => s.Kind).Distinct().ToDictionary(kind => kind, kind =>
        {
            var world = Prepared(kind, 1);
            var script = WithChoice(new StormScript(kind, Input("calm"), false), world);
            var run = world.Run(kind, SiteOf(kind, world), script.Input);
            Assert.Equal(RunState.Succeeded, run.State);
            return (world, world.Snapshot());
        });

    private static RecoveryWorld Prepared(RunKind kind, ulong seed)
    {
        var world = new RecoveryWorld(seed);
        if (kind is RunKind.Failover or RunKind.Reprotect or RunKind.Failback) world.LoseA();
        if (kind is RunKind.Resolve) world.CutOffA();
        if (kind is not (RunKind.Reprotect or RunKind.Failback or RunKind.Resolve)) return world;
        Assert.Equal(RunState.Succeeded, world.Run(RunKind.Failover, world.B).State);
        world.BringABack();
        world.Inside(async () => await world.A.SetGroupAsync(world.B.Known(RecoveryWorld.Group), default));
        return world;
    }

    private static StormScript WithChoice(StormScript script, RecoveryWorld world) =>
        script.Kind is not RunKind.Resolve ? script : script with
        {
            Input = script.Input with
            {
                Resolution = Resolution.Of(ForkChoice.KeepRecovery, world.B.Known(RecoveryWorld.Group)),
            },
        };

    private static SimulatedSide SiteOf(RunKind kind, RecoveryWorld world) =>
        kind is RunKind.Failback ? world.A : world.B;

    private static SimulatedSide Other(RecoveryWorld world, SimulatedSide side) => side == world.A ? world.B : world.A;

    private static List<InstancePower> Power(RecoveryWorld world, SimulatedSide side)
    {
        List<InstancePower> power = [];
        world.Inside(async () => power.AddRange((await side.Site.ListAsync(default)).Select(i => i.Power)));
        return power;
    }

    private static RunInput Input(string key) => RunInput.None with { IdempotencyKey = key };

    private static (ulong From, ulong To) Seeds()
    {
        var said = Environment.GetEnvironmentVariable("LIFEBOAT_STORM_SEEDS")?.Split('-');
        return said is [var from, var to] ? (ulong.Parse(from, CultureInfo.InvariantCulture),
            ulong.Parse(to, CultureInfo.InvariantCulture)) : (1, 41);
    }
}
