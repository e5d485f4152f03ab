// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Sealing;
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Replication.Replicas;
using Lifeboat.Replication.Replicas.Sealing;
using Lifeboat.Testing;
using Lifeboat.Testing.Replicas;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Tests.Replicas;

/// <summary>A replica on a simulated disk beside the model source that feeds it.</summary>
internal sealed class ReplicaBench
{
    public static readonly CancellationToken Ct = CancellationToken.None;

    private static readonly Dictionary<ushort, int> Sizes = new() { [0] = 256 << 10, [5] = 64 << 10 };

    private readonly StoreKey? _key;
    private readonly Prng _salts = new(77);

    public ReplicaBench(ulong seed, Retention? retention = null, bool encrypted = false)
    {
        if (encrypted) _key = new StoreKey(new Prng(seed).NextGuid(), new Prng(seed + 1).Bytes(StoreKey.Length));
        Prng = new Prng(seed);
        Disk = new SimulatedDisk(Prng.Fork());
        Source = new ModelSource(Prng.Fork(), Sizes);
        Definition = new ReplicaDefinition("shop", Epoch.First,
            [new ReplicaVolume(0, "db1.root", Sizes[0]), new ReplicaVolume(5, "db1.data0", Sizes[5])],
            retention ?? Retention.All(TimeSpan.FromSeconds(20)));
    }

    public Prng Prng { get; }
    public TimeProvider Time { get; init; } = TimeProvider.System;
    public SimulatedDisk Disk { get; }
    public ModelSource Source { get; }
    public ReplicaDefinition Definition { get; set; }
    public IStorage Storage => _key is null
        ? new SimulatedStorage(Disk, "shop")
        : new SealedStorage(new SimulatedStorage(Disk, "shop"), _key, () => _salts.Bytes(32));
    public IReplicaStore Store => _key is null
        ? new SimulatedReplicaStore(Disk)
        : new SealedReplicaStore(new SimulatedReplicaStore(Disk), _key, Storage);

    public Task<Replica> OpenAsync()
    {
        var ids = Prng.Fork();
        var options = new ReplicaOptions
        {
            NewId = ids.NextGuid, FoldRunBytes = 64 << 10,
            Journal = new JournalOptions
            {
                SegmentBytes = 64 << 10, RecycleMax = 1, ReserveBytes = 0, NewSalt = ids.NextUInt64,
            },
        };
        return Replica.OpenAsync(Definition, options, Storage, Store, Time, Ct);
    }

    public ValueTask<ReplicaAppendOutcome> AppendAsync(Replica replica, byte[] records, long? first = null) =>
        replica.AppendAsync(Source.Epoch, Source.StreamId, first ?? replica.AppendedSequence + 1, records, Ct);

    public async Task TakeAsync(Replica replica, byte[] records) =>
        Assert.Equal(ReplicaAppendOutcome.Appended, await AppendAsync(replica, records));

    /// <summary>The replica is to begin with a disk of its own site, whose state stays.</summary>
    /// <returns>What that disk holds.</returns>
    public byte[] SeedFirst(string pin, DateTimeOffset at)
    {
        var seed = Prng.Bytes(Sizes[0]);
        new SimulatedReplicaStore(Disk).Put("seed", seed);
        Definition = Definition with
        {
            Volumes = [Definition.Volumes[0] with { SeedFile = "seed" }, Definition.Volumes[1]],
            Origin = new OriginPoint(pin, "mine", Epoch.First, at),
        };
        return seed;
    }

    /// <summary>A stream with its first batch done.</summary>
    public async Task<Replica> StartedAsync(int writes = 20)
    {
        var replica = await OpenAsync();
        await BatchAsync(replica, writes);
        return replica;
    }

    public async Task BatchAsync(Replica replica, int writes = 20)
    {
        await TakeAsync(replica, Source.BeginBatch(newStream: true));
        for (var i = 0; i < writes; i++) await TakeAsync(replica, Source.Write());
        await TakeAsync(replica, Source.EndBatch());
    }

    public async Task<Guid> CutAsync(Replica replica)
    {
        await TakeAsync(replica, Source.Checkpoint());
        await replica.FlushAsync(Ct);
        return Source.Points[^1].Id;
    }

    public Task<FoldResult> FoldAsync(Replica replica, long budget = long.MaxValue) =>
        replica.FoldAsync(Source.Clock, budget, Ct);

    public async Task CheckAsync(PointInTimeView view)
    {
        foreach (var (volume, expected) in Source.ImageAt(view.Sequence))
        {
            var bytes = new byte[expected.Length];
            await view.ReadAsync(volume, 0, bytes, Ct);
            if (!expected.AsSpan().SequenceEqual(bytes))
                Assert.Fail($"volume {volume} at {view.Sequence} differs from the model at byte "
                    + $"{expected.AsSpan().CommonPrefixLength(bytes)}");
        }
    }

    /// <summary>Every point offered opens to exactly the model's bytes.</summary>
    public async Task CheckPointsAsync(Replica replica)
    {
        foreach (var point in replica.Points)
        {
            Assert.Equal(Source.Points.Single(p => p.Id == point.Id).Sequence, point.Sequence);
            await CheckAsync(await replica.OpenViewAsync("check", point.Sequence, writable: false, Ct));
            await replica.CloseViewAsync("check", Ct);
        }
    }
}
