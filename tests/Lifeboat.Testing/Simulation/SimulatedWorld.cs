// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Instances;
using Lifeboat.Protection.Policies;
using Lifeboat.Replication;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// Two sites, a network and a guest, all from one seed: the shipped capture-to-apply engine and two controllers with
/// the shipped runner, on one thread, under faults, with an oracle that knows what must be true.
/// </summary>
public sealed class SimulatedWorld
{
    private const long StepLimit = 4_000_000;
    private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);
    private int _processes;
    private long _writes = 1;

    private SimulatedWorld(SimulationOptions options)
    {
        Options = options;
        Flaws = PlantedFlaws.Named(options.Flaw);
        Prng = new Prng(options.Seed);
        Scheduler = new SimulatedScheduler(Prng.Fork()) { Trace = options.Trace };
        Climate = new Climate(Prng.Fork(), options);
        Wires = Spawn("wires");
        Network = new SimulatedNetwork(Scheduler, Wires, Prng.Fork());
        Network.Sent = (Wire = new Wiretap(this)).Sent;
        Network.Past.KeepsEnds = Climate.Allowed.Contains(Fault.SecondSource);
        Oracle = new PointOracle(this);
        Resyncs = new ResyncLedger(this);
        Forks = new ForkChecks(this);
        Drills = new DrillChecks(this);
        A = new SimulatedHost(this, "a", Prng.Fork());
        B = new SimulatedHost(this, "b", Prng.Fork());
        (A.Peer, B.Peer) = (B, A);
        if (Climate.SharesCuts) Second = SecondGroup.Begin(this, Prng.Fork());
        Hosts = Second is { } second ? [A, B, second.Source, second.Source.Peer] : [A, B];
        Storm = new Storm(this, Prng.Fork());
        if (options.CrashStates > 0) _ = new CrashStates(this, options.CrashStates);
    }

    public SimulationOptions Options { get; }
    public Prng Prng { get; }
    public SimulatedScheduler Scheduler { get; }
    public Climate Climate { get; }
    public SimulatedNetwork Network { get; }
    public PointOracle Oracle { get; }
    public SimulatedHost A { get; }
    public SimulatedHost B { get; }
    public IReadOnlyList<SimulatedHost> Hosts { get; }
    public Violation? Violation { get; private set; }
    /// <summary>The guest's disks when it was shut down for a planned move: what must come up at the other
    /// side.</summary>
    public SimulatedInstance? NothingMayBeLost { get; set; }
    /// <summary>There is a point, and who runs a move relies on it: no replica is put back that has none.</summary>
    public bool WasProtected { get; set; }

    internal EngineFlaws Flaws { get; }
    internal Wiretap Wire { get; }
    internal ResyncLedger Resyncs { get; }
    internal ForkChecks Forks { get; }
    internal DrillChecks Drills { get; }
    /// <summary>Another group of the application; null: there is none.</summary>
    internal SecondGroup? Second { get; }
    internal SimulatedProcess Wires { get; }
    internal Storm Storm { get; }

    /// <summary>Runs one seed on the calling thread.</summary>
    public static SimulationResult Run(SimulationOptions options)
    {
        var pages = PageArena.Open();
        var rooms = new IoRoomLoan();
        var outer = IoRoom.Lend(rooms);
        try
        {
            return RunOnThread(options);
        }
        finally
        {
            IoRoom.Lend(outer);
            rooms.End();
            pages?.Close();
        }
    }

    private static SimulationResult RunOnThread(SimulationOptions options)
    {
        var world = new SimulatedWorld(options);
        var director = world.Spawn("director");
        var story = new Story(world, director, world.Prng.Fork());
        director.Start(story.TellAsync);
        try
        {
            world.Scheduler.Run(() => story.Ended || world.Violation is not null, StepLimit);
            if (!story.Ended) world.Violate("I9", "the world stands still: nothing will ever happen again");
        }
        catch (SimulationException e)
        {
            world.Violate("simulation", e.Message);
        }
        world.Wire.Dispose();
        world.Summarize();
        return new SimulationResult(options.Seed, world.Violation, world.Scheduler.TraceHash, world._counts);
    }

    public long NextWrite() => ++_writes;

    public SimulatedProcess Spawn(string name) => Spawn(name, new HostTime(TimeSpan.Zero));

    public SimulatedProcess Spawn(string name, HostTime time) =>
        new(Scheduler, ++_processes, name, time, Crashed);

    private void Crashed(SimulatedProcess process, Exception cause)
    {
        if (cause is not WorldEndedException) Violate("crash", $"{process.Name}: {cause}");
    }

    public void Violate(string checker, string what)
    {
        if (Violation is not null) return;
        Violation = new Violation(checker, what, TimeSpan.FromTicks(Scheduler.Now));
        Say("VIOLATION", $"{checker} {what}");
    }

    public void Count(string what, long by = 1) =>
        CollectionsMarshal.GetValueRefOrAddDefault(_counts, what, out _) += by;

    public void Say(string who, string what) => Scheduler.Say(who, what);

    /// <summary>What a host has promised so far must be there after its crash.</summary>
    public void ExpectDurable()
    {
        foreach (var host in Hosts)
            if (host.Agent is { Process: { Alive: true, Paused: false } } agent) agent.Watch();
    }

    /// <summary>An instance was made from a point.</summary>
    public void Started(SimulatedHost host, IReadOnlyList<byte[]> content)
    {
        Count("instances moved");
        if (NothingMayBeLost is not { } before) return;
        for (var i = 0; i < content.Count; i++)
            if (before.Disks[i].History.Check(Scheduler.Now, content[i]) is { } fault)
                Violate("I3", $"a planned move to {host.Name} lost writes: disk {i} {fault}");
    }

    public GroupDefinition NewGroup(SimulatedHost primary, Epoch epoch) => new()
    {
        Name = "g1",
        Version = 1,
        Epoch = epoch,
        PrimarySite = primary.Name,
        RecoverySite = primary.Peer.Name,
        Policy = Policy.Default with
        {
            CheckpointInterval = Climate.CheckpointInterval,
            Retention = Climate.Retention,
            OutboxBytes = Climate.OutboxBytes,
            OutboxLogBytes = Climate.HasLog ? Climate.OutboxLogBytes : 0,
            RpoTarget = TimeSpan.FromSeconds(15),
            Source = Climate.Moments is null ? ChangeSource.Continuous
                : Climate.BySnapshots ? ChangeSource.SnapshotDiff : ChangeSource.Bitmap,
            SourcePeriod = Climate.Moments ?? Policy.Default.SourcePeriod,
        },
        Members =
        [
            new GroupMember(SimulatedHost.InstanceName, MemberKind.Replicated, 1, Description(),
                [.. Climate.DiskSectors.Select((sectors, i) => new GroupVolume((ushort)i, $"db1.d{i}", "db1", $"d{i}",
                    (long)sectors * GuestWrite.SectorBytes))]),
        ],
    };

    public IReadOnlyList<GuestDisk> NewDisks()
    {
        var disks = new List<GuestDisk>();
        foreach (var (sectors, index) in Climate.DiskSectors.Select((s, i) => (s, i)))
        {
            var first = new GuestWrite(NextWrite(), index, 0, sectors, zero: false, issued: 0);
            disks.Add(new GuestDisk(index, $"d{index}",
                [.. Enumerable.Range(0, sectors).Select(s => s / 16 % 3 == 0 ? first.StampAt(s) : 0)]));
        }
        return disks;
    }

    private InstanceDescription Description() => new()
    {
        Name = SimulatedHost.InstanceName,
        Cpus = 1,
        MemoryMiB = 256,
        Disks = [.. Climate.DiskSectors.Select((sectors, i) =>
            new InstanceDisk($"d{i}", "virtio", i, (long)sectors * GuestWrite.SectorBytes, null))],
        GuestAgent = true,
    };

    private void Summarize()
    {
        Count($"worlds of haste {Climate.Haste}");
        Count("steps", Scheduler.Steps);
        Count("strikes", Storm.Strikes);
        Count("virtual seconds", Scheduler.Now / TimeSpan.TicksPerSecond);
        Count("guest writes", _writes);
        Count("link messages", Network.Messages);
        Count("connections", Network.Connections);
    }
}
