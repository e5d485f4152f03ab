// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Links;
using Lifeboat.Protection.Policies;
using Lifeboat.Replication;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Moments;
using Lifeboat.Replication.Shipping;
using Lifeboat.Testing;
using Lifeboat.Testing.Simulation;
using Lifeboat.Testing.Storage;
using Xunit;

namespace Lifeboat.Tests.Replication;

/// <summary>
/// One source with two disks, a scripted recovery site, a network between them; one thread, one seed.
/// </summary>
internal sealed class SourceWorld
{
    public const int DiskBytes = 3 << 20;
    private readonly SimulatedDisk _mapsDisk;
    private const string Address = "west:7000";
    private readonly SimulatedScheduler _scheduler;
    private int _agents;

    public SourceWorld(ulong seed = 1)
    {
        Prng = new Prng(seed);
        _scheduler = new SimulatedScheduler(Prng.Fork());
        Network = new SimulatedNetwork(_scheduler, Spawn("wires"), Prng.Fork());
        Taps = [new TestTap(Content()), new TestTap(Content())];
        Site = new ScriptedRecoverySite([new byte[DiskBytes], new byte[DiskBytes]]);
        Listen(Spawn("recovery"), c => Site.ServeAsync(c));
        Agent = Spawn("agent");
        LogDisk = new SimulatedDisk(Prng.Fork(), Network.Wires.Clock);
        _mapsDisk = new SimulatedDisk(new Prng(Prng.Seed));
    }

    public Prng Prng { get; }
    public ListLogger<GroupSource> Log { get; } = new();
    public SimulatedNetwork Network { get; }
    public TestTap[] Taps { get; }
    public ScriptedRecoverySite Site { get; set; }
    public SimulatedProcess Agent { get; private set; }
    public GroupSource Source { get; private set; } = null!;
    public Policy Policy { get; set; } = Policy.Default with
    {
        CheckpointInterval = TimeSpan.FromMilliseconds(500), OutboxBytes = 4 << 20,
    };

    /// <summary>Its disks are read in moments; null: their writes are captured.</summary>
    public TestMomentTap? Moments { get; private set; }
    public TimeSpan MomentPeriod { get; set; } = TimeSpan.FromSeconds(10);
    public MomentTrigger MomentTrigger { get; set; } = MomentTrigger.Periodic;

    /// <summary>From the next start on.</summary>
    public TestMomentTap UseMoments() =>
        Moments = new TestMomentTap([.. Taps.Select(t => t.Disk)], Network.Wires.Clock);

    public LinkSettings Link { get; set; } = LinkSettings.Default;
    public LinkBudget Budget { get; private set; } = null!;
    /// <summary>The agent's own disk, for the log; only with <see cref="HasLog"/>.</summary>
    public SimulatedDisk LogDisk { get; }
    public bool HasLog { get; set; }
    public long? LogAboveBytes { get; set; }
    public Suspension? Suspension { get; set; }
    public EngineFlaws Flaws { get; set; } = EngineFlaws.None;
    public SourceSnapshot Status => Source.Snapshot();

    /// <summary>Who takes the source's connections from now on.</summary>
    public void Listen(SimulatedProcess process, Func<ILinkConnection, Task> serve) =>
        Network.Listen(Address, "west", process, c => process.Start(() => serve(c)));

    /// <summary>How often the source was moved to another agent.</summary>
    public long Moves { get; private set; }

    /// <summary>
    /// Another agent becomes the source, with the maps' beginnings as its predecessor left them. That one is still
    /// there.
    /// </summary>
    /// <returns>The former source and its agent.</returns>
    public (GroupSource Source, SimulatedProcess Agent) MoveToAnotherAgent()
    {
        var former = (Source, Agent);
        Agent = Spawn($"agent{++_agents}");
        Moves++;
        Start();
        return former;
    }

    public void Start(Epoch? epoch = null)
    {
        Source = new GroupSource(new GroupSourceOptions
        {
            Group = "db",
            RecoverySite = "west",
            Epoch = epoch ?? new Epoch(3),
            Moves = Moves,
            Arrives = Moves > 0,
            Target = Address,
            Volumes = [.. Taps.Select((t, i) =>
                new SourceDisk((ushort)i, $"db.{i}", DiskBytes, Moments is null ? t : null))],
            Moments = Moments is null ? null : new MomentOptions(Moments, MomentPeriod, MomentTrigger),
            Policy = Policy,
            Seed = Prng.NextUInt64(),
            RotateInterval = TimeSpan.FromSeconds(2),
            Budget = Budget = new LinkBudget(Agent.Clock) { Settings = Link },
            Log = HasLog ? new SimulatedStorage(LogDisk, "outbox") : null,
            LogReserveBytes = 0,
            Maps = new SimulatedStorage(_mapsDisk),
            LogAboveBytes = LogAboveBytes,
            Suspension = Suspension,
        }, Network.LinkOf("east", Agent), Agent.Clock, Log, Flaws);
        Agent.Start(() => Source.RunAsync(CancellationToken.None));
    }

    /// <summary>The agent dies as by SIGKILL; QEMU sees its connections end. Another one starts.</summary>
    public void RestartAgent()
    {
        Agent.Kill();
        LogDisk.KillProcesses();
        _mapsDisk.KillProcesses();
        foreach (var tap in Taps) tap.LetGo();
        Agent = Spawn($"agent{++_agents}");
        Start();
    }

    /// <summary>
    /// Runs the world until something is so; fails when it does not come about in two minutes of its time.
    /// </summary>
    public void Until(Func<bool> condition, string what)
    {
        var limit = _scheduler.Now + TimeSpan.FromMinutes(2).Ticks;
        _scheduler.Run(() => condition() || _scheduler.Now > limit, long.MaxValue);
        Assert.True(condition(), $"{what}; the source is {Source?.Snapshot()}; {Log}");
    }

    public void For(TimeSpan time)
    {
        var end = _scheduler.Now + time.Ticks;
        Network.Wires.Start(() => Network.Wires.Clock.DelayAsync(time)); // so that time stops there
        _scheduler.Run(() => _scheduler.Now >= end, long.MaxValue);
    }

    /// <summary>Runs something inside the agent and waits for its answer.</summary>
    public T Ask<T>(Func<Task<T>> ask) => Ask(Agent, ask);

    public T Ask<T>(SimulatedProcess process, Func<Task<T>> ask)
    {
        var answer = process.CallAsync(ask);
        Until(() => answer.IsCompleted, "an answer comes");
        return Assert.IsType<Task<T>>(answer, exactMatch: false) is { IsCompletedSuccessfully: true } done
            ? Result(done)
            : throw answer.Exception!.InnerException!;
    }

    public void UntilStreaming() => Until(() => Status.Phase == GroupSourcePhase.Streaming, "the group streams");

    public void UntilEqual()
    {
        for (var tries = 0; tries < 1000 && !Equal(); tries++) For(TimeSpan.FromMilliseconds(100));
        Assert.True(Equal(), $"the replica equals the disks; the source is {Status}; {Log}");
    }

    private bool Equal() => Enumerable.Range(0, Taps.Length)
        .All(v => Site.Image((ushort)v).AsSpan().SequenceEqual(Taps[v].Disk));

    /// <summary>Guest writes of 4 KiB on any disk, at this many places.</summary>
    public void Write(int count, int? volume = null)
    {
        Agent.Post(() =>
        {
            for (var i = 0; i < count; i++)
                Taps[volume ?? Prng.Next(Taps.Length)].GuestWrite(Prng.Next(DiskBytes / 4096) * 4096, Prng.Bytes(4096));
        });
        For(TimeSpan.FromMilliseconds(1));
    }

#pragma warning disable VSTHRD002, xUnit1031 // the task is complete
    private static T Result<T>(Task<T> done) => done.Result;
#pragma warning restore VSTHRD002, xUnit1031

    private byte[] Content()
    {
        var disk = new byte[DiskBytes];
        for (var i = 0; i < 100; i++) Prng.Fill(disk.AsSpan(Prng.Next(DiskBytes / 4096) * 4096, 4096));
        return disk;
    }

    public SimulatedProcess Spawn(string name) =>
        new(_scheduler, Prng.Next(1 << 20), name, (p, e) => throw new SimulationException($"{p.Name}: {e}"));
}
