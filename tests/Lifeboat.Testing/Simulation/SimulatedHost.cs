// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing.Replicas;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// One site on one host: its disk, its agent and controller processes, its instance, and what it was asked for (which
/// a real site keeps in its database and the agent's state). Everything here outlives the processes.
/// </summary>
public sealed partial class SimulatedHost
{
    public const string InstanceName = "db1";
    private readonly Prng _prng;
    private int _replicasMade;

    internal SimulatedHost(SimulatedWorld world, string name, Prng prng)
    {
        (World, Name, _prng) = (world, name, prng);
        Disk = new SimulatedDisk(prng.Fork(), world.Wires.Clock);
        PlantedFlaws.Plant(world.Options.Flaw, Disk);
        LogDisk = new SimulatedDisk(prng.Fork(), world.Wires.Clock);
        Memory = new SimulatedDisk(prng.Fork());
        Runs = new SimulatedRunStore(this);
        Decay = new Decay(this);
        // Hosts do not agree on the time.
        Time = new HostTime(TimeSpan.FromMilliseconds(prng.Next(-3000, 3000)));
    }

    public SimulatedWorld World { get; }
    public string Name { get; }
    public string Address => Name + ":1";
    public HostTime Time { get; }
    public SimulatedDisk Disk { get; }
    /// <summary>Another disk, for the source's log alone: it is full, slow or broken by itself.</summary>
    public SimulatedDisk LogDisk { get; }
    /// <summary>A file system in memory: it is gone with the host, and no backup has it.</summary>
    public SimulatedDisk Memory { get; }
    /// <summary>The group's source is suspended here, as the site was told; its time may be over.</summary>
    public Suspension? Suspended { get; private set; }
    public SimulatedRunStore Runs { get; }
    public SimulatedAgent? Agent { get; private set; }
    public SimulatedController? Controller { get; private set; }
    public SimulatedInstance? Instance { get; private set; }
    /// <summary>Views that were asked for and not closed: kept over restarts of the agent.</summary>
    public SortedDictionary<string, (RecoveryPoint Point, bool Writable)> Views { get; } = new(StringComparer.Ordinal);
    public SortedSet<string> Copies { get; } = new(StringComparer.Ordinal);

    public GroupDefinition? Group { get; private set; }
    /// <summary>The epoch to be the source in; null: none.</summary>
    public Epoch? SourceWanted { get; set; }
    /// <summary>The replica to keep, as it was made; null: none.</summary>
    public WantedReplica? ReplicaWanted { get; set; }
    /// <summary>States of this site that gave way and are kept beside the replica.</summary>
    public List<WantedReplica> Kept { get; } = [];
    /// <summary>One that is being dropped.</summary>
    public WantedReplica? ReplicaUnwanted { get; set; }
    public bool WantRunning { get; set; }
    /// <summary>The guest was asked to shut down: nobody boots it again but who asked.</summary>
    public bool ShutDown { get; set; }
    /// <summary>The whole site is dark until somebody brings it back.</summary>
    public bool Down { get; set; }
    /// <summary>Name of the view that the instance was made from.</summary>
    public string? StartedFrom { get; set; }
    /// <summary>It still reads from that view.</summary>
    public bool OnView { get; set; }
    public GuestOptions Guest { get; set; } = new(2, 50_000, 0.1, 8);
    public long Now => World.Scheduler.Now;

    /// <summary>What this site was asked for until now, as one line: repeating a request must not change it.</summary>
    internal string Wishes =>
        $"{Production}, views {string.Join(' ', Views.Keys)}, copies {string.Join(' ', Copies)}";

    /// <summary>The same without what drills ask for.</summary>
    internal string Production => $"group {Group?.Version} epoch {Group?.Epoch} primary {Group?.PrimarySite}, "
        + $"source {SourceWanted}, replica {ReplicaWanted?.Epoch} made {_replicasMade}, "
        + $"kept {string.Join(' ', Kept.Select(k => k.Origin!.Pin))}, "
        + $"instance {WantRunning} {ShutDown} {StartedFrom}";

    internal Decay Decay { get; }
    internal SimulatedHost Peer { get; set; } = null!;

    /// <summary>A moment in the life of the calling process, in which it may be killed.</summary>
    public Task PauseAsync(int mostMicroseconds, CancellationToken ct) =>
        SimulatedProcess.Current.Clock.DelayAsync(TimeSpan.FromMicroseconds(_prng.Next(mostMicroseconds)), ct);

    public Task TravelAsync(SimulatedNetwork network, CancellationToken ct) =>
        SimulatedProcess.Current.Clock.DelayAsync(TimeSpan.FromTicks(network.Travel()), ct);

    public void StartAgent()
    {
        if (Agent is { Process.Alive: true }) return;
        var process = World.Spawn($"agent-{Name}", Time);
        Agent = new SimulatedAgent(this, process, _prng.Fork());
    }

    public void KillAgent()
    {
        if (Agent is not { Process.Alive: true } agent) return;
        agent.Process.Kill();
        Disk.KillProcesses();
        LogDisk.KillProcesses();
        Memory.KillProcesses();
    }

    public void StartController()
    {
        if (Controller is { Process.Alive: true }) return;
        var process = World.Spawn($"ctl-{Name}", Time);
        Controller = new SimulatedController(this, Peer, process, World.Network, _prng.Fork());
    }

    public void KillController() => Controller?.Process.Kill();

    /// <summary>Power is lost: processes, instances, whatever was not flushed.</summary>
    public void Crash()
    {
        World.ExpectDurable();
        Agent?.Process.Kill();
        Controller?.Process.Kill();
        // Half of the hosts cache what guests write, as cache=writeback does.
        if (_prng.Chance(0.5)) Instance?.LosePageCache();
        Instance?.PowerOff();
        CrashDisk();
        LogDisk.Crash();
        Memory.Crash(CrashStyle.LoseAll);
    }

    /// <summary>An operator suspends the source for so long by this host's clock, or resumes it (zero).</summary>
    public void Suspend(TimeSpan length)
    {
        var now = SimulatedClock.Epoch + TimeSpan.FromTicks(Now) + Time.Error;
        Suspended = length > TimeSpan.Zero ? new Suspension("the operator says so", now, now + length) : null;
        if (Agent is { Process.Alive: true } agent) agent.Process.Post(agent.ApplySuspension);
    }

    public void SetGroup(GroupDefinition definition)
    {
        World.Oracle.Primary(definition.Epoch, definition.PrimarySite);
        Group = definition;
    }

    public void BeginSource(Epoch epoch)
    {
        World.Oracle.Source(epoch, Name, Instance!, Time);
        SourceWanted = epoch;
    }

    public void BeginReplica(GroupDefinition definition, bool seeded)
    {
        _replicasMade++;
        ReplicaWanted = Wanted(definition, seeded && Instance is not null, null);
    }

    /// <summary>What the disks hold now is to stay, beside the replica.</summary>
    public void Keep(GroupDefinition definition, Replication.Replicas.OriginPoint origin) =>
        Kept.Add(Wanted(definition, seeded: true, origin));

    private WantedReplica Wanted(GroupDefinition definition, bool seeded, Replication.Replicas.OriginPoint? origin)
    {
        if (seeded)
        {
            var images = new SimulatedReplicaStore(Disk);
            foreach (var disk in Instance!.Disks) images.Put(SeedName(disk, origin), Content(disk));
        }
        return new WantedReplica(definition.Epoch, definition.PrimarySite,
            // What is kept, and what a replica begins with, is as long as the disk is.
            [.. definition.Volumes.Select(v => new Replication.Replicas.ReplicaVolume(v.Index, v.Name,
                seeded ? Instance!.Disks[v.Index].SizeBytes : v.SizeBytes,
                seeded ? SeedName(Instance!.Disks[v.Index], origin) : null))], World.Climate.Kept, origin);
    }

    public void Install(IReadOnlyList<GuestDisk> disks)
    {
        Instance = new SimulatedInstance($"{InstanceName}-{Name}", disks, n => World.Spawn(n),
            _prng.Fork())
        {
            Granularity = 4096 << _prng.Next(3),
        };
        (WantRunning, ShutDown) = (true, false);
    }

    public void StartFromView(string view, IReadOnlyList<byte[]> content)
    {
        World.Started(this, content);
        Install([.. content.Select((bytes, i) => new GuestDisk(i, $"d{i}", Stamps(bytes)))]);
        World.Oracle.Wrote(Group!.Epoch, Instance!, Time);
        (StartedFrom, OnView) = (view, true);
    }

    public void PowerOn()
    {
        if (!WantRunning || ShutDown || Instance is not { Running: false } instance) return;
        instance.PowerOn(Guest, World.NextWrite);
    }

    internal static byte[] Content(GuestDisk disk)
    {
        var bytes = new byte[disk.SizeBytes];
        disk.Read(0, bytes);
        return bytes;
    }

    private static string SeedName(GuestDisk disk, Replication.Replicas.OriginPoint? origin) =>
        $"seed-{origin?.Pin}-{disk.Name}";

    private static long[] Stamps(byte[] content)
    {
        var stamps = new long[content.Length / GuestWrite.SectorBytes];
        for (var s = 0; s < stamps.Length; s++)
            stamps[s] = MemoryMarshal.Read<long>(content.AsSpan(s * GuestWrite.SectorBytes));
        return stamps;
    }
}
