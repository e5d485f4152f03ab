// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Replication;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Linking.Compression;
using Lifeboat.Replication.Receiving;
using Lifeboat.Replication.Replicas;
using Lifeboat.Testing.Replicas;
using Lifeboat.Testing.Simulation;
using Lifeboat.Testing.Storage;
using SimulatedDisk = Lifeboat.Testing.Storage.SimulatedDisk;

namespace Lifeboat.Tests.Replication;

/// <summary>The shipped receiver and replica on a simulated host that can crash.</summary>
internal sealed class RecoveryHost
{
    private readonly SourceWorld _world;
    private int _starts;

    public RecoveryHost(SourceWorld world)
    {
        _world = world;
        Disk = new SimulatedDisk(world.Prng.Fork(), world.Network.Wires.Clock);
    }

    public SimulatedDisk Disk { get; }
    public SimulatedProcess Process { get; private set; } = null!;
    public Replica Replica { get; private set; } = null!;
    public ReplicaReceiver Receiver { get; private set; } = null!;
    public Epoch Epoch { get; set; } = new(3);
    public string PrimarySite { get; set; } = "east";
    /// <summary>What each volume has there before the source says anything.</summary>
    public long VolumeBytes { get; init; } = SourceWorld.DiskBytes;
    public FrameAbilities Accepts { get; set; } = FrameAbilities.All;
    public EngineFlaws Flaws { get; set; } = EngineFlaws.None;
    public ListLogger<ReplicaReceiver> Log { get; } = new();

    public void Start()
    {
        Process = _world.Spawn($"recovery{++_starts}");
        Replica = _world.Ask(Process, OpenAsync);
        Receiver = new ReplicaReceiver(Replica, new ReceiverOptions { PrimarySite = PrimarySite, Accepts = Accepts },
            Process.Clock, Log, Flaws);
        var acceptor = new LinkAcceptor(LinkTimings.Default, Process.Clock, new ListLogger<LinkAcceptor>());
        acceptor.Put(Receiver);
        _world.Listen(Process, c => ServeAsync(acceptor, c));
    }

    /// <summary>The host loses power: what was not flushed is anybody's guess.</summary>
    public void CrashAndStart()
    {
        Process.Kill();
        Disk.Crash();
        Start();
    }

    /// <summary>The replica's bytes at a sequence, read through a view as a recovery would.</summary>
    public byte[] Image(ushort volume, long sequence) => _world.Ask(Process, async () =>
    {
        var view = await Replica.OpenViewAsync($"at-{sequence}", sequence, writable: false, default);
        var bytes = new byte[SourceWorld.DiskBytes];
        await view.ReadAsync(volume, 0, bytes, default);
        await Replica.CloseViewAsync(view.Name, default);
        return bytes;
    });

    private static async Task ServeAsync(LinkAcceptor acceptor, ILinkConnection connection)
    {
        try
        {
            await acceptor.ServeAsync(connection, default);
        }
        catch (StorageException)
        {
            // The test broke the disk; it also decides when the host starts anew.
        }
    }

    private Task<Replica> OpenAsync()
    {
        var ids = _world.Prng.Fork();
        return Replica.OpenAsync(
            new ReplicaDefinition("db", Epoch,
                [.. new ushort[] { 0, 1 }.Select(v => new ReplicaVolume(v, $"db.{v}", VolumeBytes))],
                TimeSpan.FromMinutes(10)),
            new ReplicaOptions
            {
                NewId = ids.NextGuid,
                Journal = new JournalOptions { SegmentBytes = 256 << 10, ReserveBytes = 0, NewSalt = ids.NextUInt64 },
            }, new SimulatedStorage(Disk, "db"), new SimulatedReplicaStore(Disk), Process.Clock, default);
    }
}
