// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Segments;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas;
using Lifeboat.Testing;
using Lifeboat.Volumes.Files;

namespace Lifeboat.Tests.Volumes.Files;

/// <summary>
/// A replica on real files with real threads: one receives, one folds, some read views. Every 4 KiB block says which
/// write it is of, so that a view can be checked against the cut it claims to be.
/// </summary>
public sealed class FileReplicaTests : IDisposable
{
    private const int Block = 4096;
    private const int Blocks = 2048;
    private const int PerCut = 64;
    private static readonly CancellationToken Ct = CancellationToken.None;

    private readonly TemporaryDirectory _directory = new();
    private readonly Prng _prng = new(4);
    private readonly Guid _stream = Guid.NewGuid();
    private readonly ReplicaDefinition _definition = new("shop", Epoch.First,
        [new ReplicaVolume(0, "db1.root", Blocks * Block)], TimeSpan.FromMilliseconds(1));

    [Fact]
    public async Task Views_are_exact_while_others_receive_and_fold()
    {
        await using (var replica = await OpenAsync())
        {
            using var done = new CancellationTokenSource();
            var folding = Task.Run(() => FoldAsync(replica, done.Token));
            var readers = Enumerable.Range(0, 3).Select(n => Task.Run(() => ReadAsync(replica, $"v{n}", done.Token)))
                .ToArray();
            await ReceiveAsync(replica, cuts: 150);
            done.Cancel();
            await folding;
            foreach (var reader in readers) Assert.True(await reader > 0, "a reader checked no view");
            // On a busy machine it may never have found the replica without an early view.
            await replica.FoldAsync(DateTimeOffset.UnixEpoch.AddDays(1), long.MaxValue, Ct);
            Assert.True(replica.FoldedSequence > 0);
        }
        await using var again = await OpenAsync();
        Assert.Equal(150 * (PerCut + 1) + 2, again.DurableSequence);
        await CheckAsync(await again.OpenViewAsync("last", null, writable: false, Ct));
    }

    public void Dispose() => _directory.Dispose();

    private Task<Replica> OpenAsync() => Replica.OpenAsync(_definition,
        new ReplicaOptions
        {
            NewId = Guid.NewGuid, FoldRunBytes = 1 << 20,
            Journal = new JournalOptions
            {
                SegmentBytes = 1 << 20, ReserveBytes = 0, WholeBlocksFrom = 64 << 10, NewSalt = _prng.Fork().NextUInt64,
            },
        },
        new FileStorage(_directory["replicas/shop"]), new FileReplicaStore(_directory["replicas"]),
        TimeProvider.System, Ct);

    // Write number n of cut c goes to block (c * 7 + n) mod Blocks and is full of c.
    private async Task ReceiveAsync(Replica replica, int cuts)
    {
        long sequence = 0;
        await AppendAsync(replica, Mark(RecordKind.BatchBegin, ++sequence, BatchPayload.Encode(_stream, [0])));
        await AppendAsync(replica, Mark(RecordKind.BatchEnd, ++sequence, BatchPayload.Encode(_stream, [0])));
        for (var cut = 1; cut <= cuts; cut++)
        {
            var frame = new MemoryStream();
            for (var n = 0; n < PerCut; n++) frame.Write(Write(++sequence, cut, n));
            frame.Write(Mark(RecordKind.Checkpoint, ++sequence, CheckpointPayload.Encode(new RecoveryPoint(
                Guid.NewGuid(), sequence, Epoch.First, DateTimeOffset.UnixEpoch.AddSeconds(cut), Consistency.Crash,
                PointState.Open, $"{cut}", null, new Dictionary<string, Consistency>()))));
            await AppendAsync(replica, frame.ToArray());
            await replica.FlushAsync(Ct);
        }
    }

    // Long ones go past the page cache.
    private async Task AppendAsync(Replica replica, byte[] records)
    {
        var room = replica.NewRoom(0);
        room.Add(records);
        Assert.Equal(ReplicaAppendOutcome.Appended,
            await replica.AppendAsync(Epoch.First, _stream, replica.AppendedSequence + 1, room, Ct));
    }

    private static async Task FoldAsync(Replica replica, CancellationToken until)
    {
        while (!until.IsCancellationRequested)
        {
            await replica.FoldAsync(DateTimeOffset.UnixEpoch.AddDays(1), 1 << 20, Ct);
            await Task.Yield();
        }
    }

    private static async Task<int> ReadAsync(Replica replica, string name, CancellationToken until)
    {
        var checks = 0;
        // On a busy machine it may come to its turn only when all is received: one look at least.
        while (!until.IsCancellationRequested || checks == 0)
        {
            await Task.Yield();
            if (replica.Points.Count == 0) continue;
            var view = await replica.OpenViewAsync(name, null, writable: false, Ct);
            for (var i = 0; i < 3; i++) await CheckAsync(view);
            await replica.CloseViewAsync(name, Ct);
            checks++;
        }
        return checks;
    }

    private static async Task CheckAsync(PointInTimeView view)
    {
        var bytes = new byte[Blocks * Block];
        await view.ReadAsync(0, 0, bytes, Ct);
        var last = (int)((view.Sequence - 2) / (PerCut + 1));
        var expected = new byte[Blocks];
        for (var cut = 1; cut <= last; cut++)
            for (var n = 0; n < PerCut; n++) expected[(cut * 7 + n) % Blocks] = (byte)cut;
        for (var block = 0; block < Blocks; block++)
            if (bytes.AsSpan(block * Block, Block).IndexOfAnyExcept(expected[block]) >= 0)
                Assert.Fail($"block {block} of the view at cut {last} is of {bytes[block * Block]}, "
                    + $"not {expected[block]}");
    }

    private static byte[] Write(long sequence, int cut, int n)
    {
        var record = new byte[RecordCodec.SizeOf(Block)];
        record.AsSpan(RecordCodec.HeaderLength).Fill((byte)cut);
        RecordCodec.Seal(record, RecordHeader.Write(0, sequence, 1, (cut * 7 + n) % Blocks * (long)Block, Block, 0));
        return record;
    }

    private static byte[] Mark(RecordKind kind, long sequence, byte[] payload)
    {
        var record = new byte[RecordCodec.SizeOf(payload.Length)];
        RecordCodec.Write(record, RecordHeader.Mark(kind, sequence, 1, payload.Length, 0), payload);
        return record;
    }
}
