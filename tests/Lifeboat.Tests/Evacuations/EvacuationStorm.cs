// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Evacuations;
using Lifeboat.Recovery.Runs;
using Lifeboat.Testing;
using Lifeboat.Testing.Recovery;
using Lifeboat.Testing.Simulation;
using Lifeboat.Tests.Recovery;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Evacuations;

/// <summary>What people and runs do while controllers die.</summary>
/// <param name="Fails">How likely a run is to fail.</param>
/// <param name="Drill">A group has a drill under way when its turn comes.</param>
internal sealed record EvacuationScript(string Name, EvacuationOptions Options, int[] Waves, double Fails = 0,
    bool Cancels = false, bool Pauses = false, bool FourEyes = false, bool Drill = false);

// Two controllers of one site share its evacuations, runs and leases. Each beats, takes the lease when it is free, and
// carries the evacuation on a round at a time, as EvacuationHost does. A seed kills them at any await, also both at
// once, and brings them back. Runs end after a while, well or not; people approve, pause, resume, continue and cancel,
// and ask whichever controller lives until one has answered.
//
// Looked at whenever a run is begun: that it is stored as starting, that no more are under way than was said, that none
// of an earlier wave has its turn before it.
internal sealed class EvacuationStorm
{
    private const int KillsMax = 12;
    private const long StepLimit = 500_000;
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(10);

    private readonly EvacuationScript _script;
    private readonly Prng _prng;
    private readonly SimulatedScheduler _scheduler;
    private readonly StormLease _lease = new();
    private readonly InMemoryEvacuationStore _store = new(PauseAsync);
    private readonly Dictionary<SimulatedProcess, Evacuator> _controllers = [];
    private readonly List<string> _violations = [];
    private Exception? _crash;
    private bool _over;
    private int _ids;

    public EvacuationStorm(EvacuationScript script, ulong seed, bool forgetsKeys = false)
    {
        (_script, _prng) = (script, new Prng(seed));
        _scheduler = new SimulatedScheduler(new Prng(seed + 1000));
        Runs = new StormRuns(new InMemoryRunStore(PauseAsync), PauseAsync, NewId, script.FourEyes)
        {
            Begun = Look,
            ForgetsKeys = forgetsKeys,
        };
    }

    public StormRuns Runs { get; }
    public int Kills { get; private set; }
    public IReadOnlyList<string> Violations => _violations;

    public Evacuation Run()
    {
        var asked = EvacuationRulesTests.Of(_script.Options, _script.Waves) with { IdempotencyKey = "asked" };
        Evacuation? ended = null;
        foreach (var name in new[] { "c1", "c2" }) Start(name);
        var world = NewProcess("world");
        world.Start(() => CarryRunsOutAsync(world));
        var people = NewProcess("people");
        people.Start(async () => ended = await LiveThroughAsync(people, asked));
        var kills = _prng.Next(1, KillsMax);
        while (ended is null)
        {
            if (_scheduler.Steps > StepLimit)
                throw new InvalidOperationException($"no end of {_store.Find(asked.Id)}");
            var next = _scheduler.Steps + _prng.Next(1, 60);
            _scheduler.Run(() => ended is not null || _crash is not null || _scheduler.Steps >= next, StepLimit + 1000);
            if (_crash is not null) throw new InvalidOperationException("a simulated process failed", _crash);
            if (ended is null) Strike(ref kills);
        }
        _over = true;
        return ended;
    }

    private void Strike(ref int kills)
    {
        var living = _controllers.Keys.Where(p => p.Alive).ToList();
        if (living.Count > 0 && kills > 0 && _prng.Chance(0.6))
        {
            _prng.Pick(living).Kill();
            (kills, Kills) = (kills - 1, Kills + 1);
        }
        foreach (var name in new[] { "c1", "c2" })
            if (_controllers.Keys.All(p => p.Name != name || !p.Alive) && (kills == 0 || _prng.Chance(0.5)))
                Start(name);
    }

    private void Start(string name)
    {
        var process = NewProcess(name);
        var evacuator = new Evacuator(_store, Runs.Of(process.Clock.GetUtcNow), process.Clock,
            NullLogger<Evacuator>.Instance);
        _controllers.Add(process, evacuator);
        process.Start(() => ServeAsync(process, evacuator));
    }

    private async Task ServeAsync(SimulatedProcess me, Evacuator evacuator)
    {
        var id = $"{me.Name}-{me.Id}";
        Tenure? tenure = null;
        while (!_over)
        {
            _lease.Beat(id, me.Clock.GetUtcNow());
            tenure = _lease.Take(id, me.Clock.GetUtcNow(), tenure);
            if (tenure is not null)
                foreach (var evacuation in await _store.UnfinishedAsync(default))
                    await TryRoundAsync(evacuator, evacuation.Id, tenure);
            await me.Clock.DelayAsync(Beat);
        }
    }

    private static async Task TryRoundAsync(Evacuator evacuator, Guid id, Tenure tenure)
    {
        try
        {
            await evacuator.RoundAsync(id, tenure, default);
        }
        catch (OperationCanceledException)
        {
            // The lease is somebody else's.
        }
    }

    private async Task CarryRunsOutAsync(SimulatedProcess world)
    {
        if (_script.Drill) await Runs.BeginAsync("g0", null, RunKind.TestFailover, world.Clock.GetUtcNow());
        while (!_over)
        {
            foreach (var run in Runs.Store.Unfinished)
                if (run.State is RunState.WaitingApproval)
                {
                    if (_prng.Chance(0.1))
                        await Runs.Store.TryReopenAsync(run with { State = RunState.Pending }, RunState.WaitingApproval,
                            default);
                }
                else if (_prng.Chance(0.1))
                    await Runs.EndAsync(run, _prng.Chance(_script.Fails) ? RunState.RolledBack : RunState.Succeeded,
                        world.Clock.GetUtcNow());
            await world.Clock.DelayAsync(Beat);
        }
    }

    private async Task<Evacuation> LiveThroughAsync(SimulatedProcess people, Evacuation asked)
    {
        await AskAsync(people, e => e.CreateAsync(asked, default));
        var (cancelAt, pauseAt, resumeAt) = (_prng.Next(400), _prng.Next(200), _prng.Next(200, 400));
        for (var beats = 0; ; beats++)
        {
            var now = _store.Find(asked.Id)!;
            if (now.Finished) return now;
            if (_script.Cancels && beats == cancelAt / 10) await SignalAsync(EvacuationSignal.Cancel);
            if (_script.Pauses && beats == pauseAt / 10) await SignalAsync(EvacuationSignal.Pause);
            if (_script.Pauses && beats == resumeAt / 10) await SignalAsync(EvacuationSignal.Resume);
            if (now.Held && _prng.Chance(0.2)) await SignalAsync(EvacuationSignal.Continue);
            await people.Clock.DelayAsync(Beat);
        }

        Task<Evacuation> SignalAsync(EvacuationSignal signal) =>
            AskAsync(people, e => e.SignalAsync(asked.Id, signal, default));
    }

    // Whoever dies before it has answered is asked again, or the other one. What is refused then was done by the first.
    private async Task<Evacuation> AskAsync(SimulatedProcess people, Func<Evacuator, Task<Evacuation>> ask)
    {
        while (true)
        {
            if (_controllers.Where(c => c.Key.Alive).ToList() is { Count: > 0 } living)
            {
                var (process, evacuator) = _prng.Pick(living);
                try
                {
                    return await process.CallAsync(() => ask(evacuator));
                }
                catch (ProcessDiedException)
                {
                    // Asked again below.
                }
                catch (ProblemException e) when (e.Reason is ReasonCode.WrongState)
                {
                    return (await _store.FindByKeyAsync("asked", default))!;
                }
            }
            await people.Clock.DelayAsync(Beat);
        }
    }

    private void Look(Evacuation evacuation, Run run)
    {
        var stored = _store.Find(evacuation.Id)!;
        var group = stored.Groups.Single(g => g.Group == run.Group);
        if (stored.Finished) _violations.Add($"{run.Group} begins when all is over");
        // Another controller may have found it before the first was told.
        else if (group.State is not EvacueeState.Starting && group.Run != run.Id)
            _violations.Add($"{run.Group} begins as {group.State}");
        var underWay = Runs.Store.Unfinished.Count(r => r.Input.IdempotencyKey == evacuation.RunKey);
        if (underWay > evacuation.Options.Parallel) _violations.Add($"{underWay} runs are under way");
        foreach (var earlier in stored.Groups.Where(g => g.Wave < group.Wave && !g.Ended))
            _violations.Add($"{run.Group} begins before {earlier.Group} of wave {earlier.Wave} has ended");
    }

    private static Task PauseAsync() => SimulatedProcess.Current.Clock.DelayAsync(TimeSpan.FromMilliseconds(1));

    private SimulatedProcess NewProcess(string name) => new(_scheduler, ++_ids, name, (_, e) => _crash ??= e);

    private Guid NewId()
    {
        var bytes = new byte[16];
        BitConverter.TryWriteBytes(bytes, ++_ids);
        return new Guid(bytes);
    }
}
