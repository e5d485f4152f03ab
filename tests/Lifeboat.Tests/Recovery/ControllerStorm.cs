// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Lifeboat.Testing;
using Lifeboat.Testing.Recovery;
using Lifeboat.Testing.Simulation;

namespace Lifeboat.Tests.Recovery;

/// <summary>What people do to a run while controllers die.</summary>
/// <param name="Cancels">Somebody cancels it, some time after it was asked for.</param>
internal sealed record StormScript(RunKind Kind, RunInput Input, bool Cancels);

// Two controllers of one site share its runs and leases. Each beats, takes the group's lease when it is free, and
// carries out what is unfinished, as RunHost does. A seed kills them at any await, also both at once, and brings them
// back. People ask for a run, approve it, cancel it, end its hold: they ask whichever controller lives until one of
// them has answered.
//
// Looked at whenever a controller asks a site for anything:
//   it holds the lease, in its present term;
//   what it is about to do is written down: a step that runs, or that the run is unwinding.
internal sealed class ControllerStorm(RecoveryWorld world, SimulatedSide at, Prng prng, bool forgetsIntents = false,
    bool asksNobody = false)
{
    private const int KillsMax = 12;
    private const long StepLimit = 500_000;
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(10);

    private readonly StormLease _lease = new() { AsksNobody = asksNobody };
    private readonly Dictionary<SimulatedProcess, Controller> _controllers = [];
    private readonly List<string> _violations = [];
    private IRunStore? _store;
    private bool _over;

    public int Kills { get; private set; }
    public IReadOnlyList<string> Violations => _violations;
    private InMemoryRunStore Stored => world.Store(at);

    public Run Run(StormScript script)
    {
        _store = new StormStore(Stored, _lease) { ForgetsIntents = forgetsIntents };
        world.Touched = Look;
        Start("c1");
        Start("c2");
        Run? ended = null;
        var people = world.NewProcess("people");
        people.Start(async () => ended = await LiveThroughAsync(people, script));
        var kills = prng.Next(1, KillsMax);
        var limit = world.Steps + StepLimit;
        while (ended is null)
        {
            if (world.Steps > limit)
                throw new InvalidOperationException($"no end of {Stored.Unfinished.FirstOrDefault()?.State}: "
                    + string.Join(", ", (Stored.Unfinished.FirstOrDefault()?.Steps ?? [])
                        .Select(s => $"{s.Name} {s.State} {s.Attempts} {s.Reason}")));
            var next = world.Steps + prng.Next(1, 80);
            world.RunUntil(() => ended is not null || world.Steps >= next);
            if (ended is null) Strike(ref kills);
        }
        _over = true;
        foreach (var process in _controllers.Keys) process.Kill();
        world.Touched = static () => { };
        return ended;
    }

    private void Strike(ref int kills)
    {
        var living = _controllers.Keys.Where(p => p.Alive).ToList();
        if (living.Count > 0 && kills > 0 && prng.Chance(0.6))
        {
            prng.Pick(living).Kill();
            (kills, Kills) = (kills - 1, Kills + 1);
        }
        foreach (var name in new[] { "c1", "c2" })
            if (_controllers.Keys.All(p => p.Name != name || !p.Alive) && (kills == 0 || prng.Chance(0.5)))
                Start(name);
    }

    private void Start(string name)
    {
        var process = world.NewProcess(name);
        var controller = new Controller(process, world.RunnerAt(at, process, _store!), $"{name}-{process.Id}");
        _controllers.Add(process, controller);
        process.Start(() => ServeAsync(controller));
    }

    private async Task ServeAsync(Controller me)
    {
        while (!_over)
        {
            _lease.Beat(me.Id, me.Process.Clock.GetUtcNow());
            if (_lease.Take(me.Id, me.Process.Clock.GetUtcNow(), me.Tenure) is { } tenure)
            {
                me.Tenure = tenure;
                foreach (var run in await _store!.UnfinishedAsync(default))
                    if (me.Carried.Add(run.Id)) Carry(me, run.Id, tenure);
                await me.Runner.ApplySignalsAsync(default);
            }
            await me.Process.Clock.DelayAsync(Beat);
        }
    }

    // What nobody expects ends the world, like anything that a process lets go unhandled.
    private static void Carry(Controller me, Guid run, Tenure tenure) => me.Process.Start(async () =>
    {
        try
        {
            await me.Runner.ExecuteAsync(run, tenure, default);
        }
        catch (OperationCanceledException)
        {
            // The lease is somebody else's.
        }
        me.Carried.Remove(run);
    });

    private void Look()
    {
        if (!_controllers.TryGetValue(SimulatedProcess.Current, out var me) || me.Carried.Count == 0) return;
        if (_lease.Holder != me.Id) _violations.Add($"{me.Id} works, the lease is held by {_lease.Holder}");
        if (Stored.Unfinished is [var run] && !run.Unwinding && run.Steps.All(s => s.State is not StepState.Running))
            _violations.Add($"{me.Id} asks a site for something that is not written down: {run.State}");
    }

    private async Task<Run> LiveThroughAsync(SimulatedProcess people, StormScript script)
    {
        var run = await AskAsync(people, c => CreateAsync(c, script));
        if (script.Input.FourEyes)
        {
            await people.Clock.DelayAsync(TimeSpan.FromMilliseconds(prng.Next(80)));
            await AskAsync(people, c => c.Runner.ApproveAsync(run.Id, "second", default));
        }
        if (script.Cancels)
        {
            await people.Clock.DelayAsync(TimeSpan.FromMilliseconds(prng.Next(150)));
            await AskAsync(people, c => c.Runner.SignalAsync(run.Id, RunSignal.Cancel, default));
        }
        else if (script.Input.Hold is not null)
        {
            await people.Clock.DelayAsync(TimeSpan.FromMilliseconds(prng.Next(400)));
            await AskAsync(people, c => c.Runner.SignalAsync(run.Id, RunSignal.Release, default));
        }
        while (true)
        {
            var now = await _store!.FindAsync(run.Id, default);
            if (now!.Finished) return now;
            await people.Clock.DelayAsync(Beat);
        }
    }

    private async Task<Run> CreateAsync(Controller controller, StormScript script)
    {
        var group = await at.GroupAsync(RecoveryWorld.Group, default);
        // Said again after the run has turned the roles round, it finds its run.
        return await controller.Runner.CreateAsync(script.Kind, group!, script.Input,
            await at.ReplicaAsync(RecoveryWorld.Group, default) is { Connected: true }
                && group!.RecoverySite == at.Name, default);
    }

    // Whoever dies before it has answered is asked again, or the other one. What is refused then was done by the first.
    private async Task<Run> AskAsync(SimulatedProcess people, Func<Controller, Task<Run>> ask)
    {
        while (true)
        {
            var living = _controllers.Values.Where(c => c.Process.Alive).ToList();
            if (living.Count > 0)
            {
                var controller = prng.Pick(living);
                try
                {
                    return await controller.Process.CallAsync(() => ask(controller));
                }
                catch (ProcessDiedException)
                {
                    // Asked again below.
                }
                catch (ProblemException e) when (e.Reason is ReasonCode.WrongState)
                {
                    return (await Stored.ListAsync(RecoveryWorld.Group, default))[0];
                }
            }
            await people.Clock.DelayAsync(Beat);
        }
    }

    private sealed class Controller(SimulatedProcess process, Runner runner, string id)
    {
        public SimulatedProcess Process => process;
        public Runner Runner => runner;
        public string Id => id;
        public HashSet<Guid> Carried { get; } = [];
        public Tenure? Tenure { get; set; }
    }
}
