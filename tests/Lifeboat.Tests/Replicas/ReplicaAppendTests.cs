// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Tests.Replicas;

public sealed class ReplicaAppendTests
{
    private static readonly CancellationToken Ct = CancellationToken.None;

    private readonly ReplicaBench _bench = new(1);
    private ModelSource Source => _bench.Source;

    [Fact]
    public async Task Records_it_has_are_skipped_and_the_rest_is_appended()
    {
        await using var replica = await _bench.StartedAsync();
        var last = replica.AppendedSequence;
        Source.Write();
        Source.Write();

        Assert.Equal(ReplicaAppendOutcome.Duplicate,
            await _bench.AppendAsync(replica, Source.Records(3, last), first: 3));
        Assert.Equal(last, replica.AppendedSequence);
        Assert.Equal(ReplicaAppendOutcome.Appended,
            await _bench.AppendAsync(replica, Source.Records(last - 1, last + 2), first: last - 1));
        Assert.Equal(last + 2, replica.AppendedSequence);
        await _bench.CutAsync(replica);
        await _bench.CheckPointsAsync(replica);
    }

    [Fact]
    public async Task A_gap_is_refused_before_and_inside_a_batch_of_records()
    {
        await using var replica = await _bench.StartedAsync();
        var last = replica.AppendedSequence;
        for (var i = 0; i < 3; i++) Source.Write();

        Assert.Equal(ReplicaAppendOutcome.SequenceGap,
            await _bench.AppendAsync(replica, Source.Record(last + 2), first: last + 2));
        byte[] holed = [.. Source.Record(last + 1), .. Source.Record(last + 3)];
        Assert.Equal(ReplicaAppendOutcome.SequenceGap, await _bench.AppendAsync(replica, holed));
        Assert.Equal(last, replica.AppendedSequence);
    }

    [Fact]
    public async Task Every_flipped_bit_of_a_record_is_refused()
    {
        await using var replica = await _bench.StartedAsync();
        var record = Source.Write();
        for (var bit = 0; bit < record.Length * 8; bit += 97)
        {
            record[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Equal(ReplicaAppendOutcome.Corrupt, await _bench.AppendAsync(replica, record));
            record[bit / 8] ^= (byte)(1 << (bit % 8));
        }
        Assert.Equal(ReplicaAppendOutcome.Corrupt, await _bench.AppendAsync(replica, record[..^1]));
        await _bench.TakeAsync(replica, record);
    }

    [Fact]
    public async Task Ranges_outside_and_volumes_unknown_are_refused()
    {
        await using var replica = await _bench.StartedAsync();
        var next = replica.AppendedSequence + 1;
        Assert.Equal(ReplicaAppendOutcome.OutOfRange,
            await _bench.AppendAsync(replica, Zero(RecordHeader.Zero(5, next, 1, 65536 - 511, 512, 0))));
        Assert.Equal(ReplicaAppendOutcome.OutOfRange,
            await _bench.AppendAsync(replica, Zero(RecordHeader.Zero(5, next, 1, 0, long.MaxValue, 0))));
        Assert.Equal(ReplicaAppendOutcome.UnknownVolume,
            await _bench.AppendAsync(replica, Zero(RecordHeader.Zero(1, next, 1, 0, 512, 0))));
    }

    [Fact]
    public async Task A_checkpoint_inside_a_batch_is_refused_and_one_withdrawn_is_no_point()
    {
        await using var replica = await _bench.StartedAsync();
        await _bench.TakeAsync(replica, Source.Checkpoint(RecordFlags.Withdrawn));
        await _bench.TakeAsync(replica, Source.BeginBatch(newStream: false));
        Assert.True(replica.InBatch);
        Assert.Equal(ReplicaAppendOutcome.CheckpointInBatch, await _bench.AppendAsync(replica, Source.Checkpoint()));
        await replica.FlushAsync(Ct);
        Assert.Empty(replica.Points);
    }

    [Fact]
    public async Task Another_stream_must_begin_with_its_batch()
    {
        await using var replica = await _bench.StartedAsync();
        var next = replica.AppendedSequence + 1;
        var record = Source.Write();
        Assert.Equal(ReplicaAppendOutcome.UnknownStream,
            await replica.AppendAsync(Source.Epoch, Guid.NewGuid(), next, record, Ct));
        Assert.Equal(ReplicaAppendOutcome.UnknownStream,
            await replica.AppendAsync(Source.Epoch, Guid.NewGuid(), 1, Source.Record(1), Ct));
        Source.ForgetAfter(next - 1);
        var begin = Source.BeginBatch(newStream: true);
        Assert.Equal(ReplicaAppendOutcome.Corrupt,
            await replica.AppendAsync(Source.Epoch, Guid.NewGuid(), next, begin, Ct));
        await _bench.TakeAsync(replica, begin);
        Assert.Equal(Source.StreamId, replica.StreamId);
    }

    [Fact]
    public async Task An_older_epoch_is_fenced_also_after_a_crash()
    {
        await using (var replica = await _bench.StartedAsync())
        {
            await replica.RaiseEpochAsync(new Epoch(3), 0, Ct);
            Assert.Equal(ReplicaAppendOutcome.StaleEpoch, await _bench.AppendAsync(replica, Source.Write()));
            Assert.Equal(1, replica.RefusedAppends);
            await replica.FlushAsync(Ct);
            var failure = await Assert.ThrowsAsync<ReplicaException>(
                () => replica.RaiseEpochAsync(new Epoch(2), 0, Ct));
            Assert.Equal(ReplicaFault.EpochWouldFall, failure.Fault);
        }
        _bench.Disk.Crash();
        await using var again = await _bench.OpenAsync();
        Assert.Equal(new Epoch(3), again.Epoch);
        // A frame of the present epoch does not make its records of an older one acceptable.
        Assert.Equal(ReplicaAppendOutcome.StaleEpoch, await again.AppendAsync(new Epoch(3), Source.StreamId,
            again.AppendedSequence + 1, Source.Record(again.AppendedSequence + 1), Ct));
        Assert.Equal(ReplicaAppendOutcome.EpochAhead, await again.AppendAsync(new Epoch(4), Source.StreamId,
            again.AppendedSequence + 1, Source.Record(again.AppendedSequence + 1), Ct));
    }

    [Fact]
    public async Task A_point_is_sealed_by_the_flush_and_not_before()
    {
        await using var replica = await _bench.StartedAsync();
        await _bench.TakeAsync(replica, Source.Checkpoint());
        Assert.Empty(replica.Points);
        var flush = await replica.FlushAsync(Ct);
        Assert.Equal(Source.Last, flush.DurableSequence);
        var point = Assert.Single(flush.Sealed);
        Assert.Equal(PointState.Sealed, point.State);
        Assert.Equal(Source.Points[0].Id, Assert.Single(replica.Points).Id);
        Assert.Empty((await replica.FlushAsync(Ct)).Sealed);
    }

    [Fact]
    public async Task A_full_disk_is_an_outcome_and_the_same_records_may_come_again()
    {
        await using var replica = await _bench.StartedAsync();
        _bench.Disk.CapacityBytes = _bench.Disk.AllocatedBytes;
        var outcome = ReplicaAppendOutcome.Appended;
        while (outcome == ReplicaAppendOutcome.Appended) outcome = await _bench.AppendAsync(replica, Source.Write());
        Assert.Equal(ReplicaAppendOutcome.Full, outcome);

        _bench.Disk.CapacityBytes = long.MaxValue;
        await _bench.TakeAsync(replica, Source.Record(Source.Last));
        await _bench.CutAsync(replica);
        await _bench.CheckPointsAsync(replica);
    }

    [Fact]
    public async Task A_hostile_sender_never_makes_it_throw()
    {
        await using var replica = await _bench.StartedAsync();
        for (var i = 0; i < 2000; i++)
        {
            var last = replica.AppendedSequence;
            var bytes = _bench.Prng.Chance(0.3) ? _bench.Prng.Bytes(_bench.Prng.Next(1, 300)) : Mutated();
            var outcome = await replica.AppendAsync(new Epoch(_bench.Prng.Next(0, 3)), Source.StreamId,
                _bench.Prng.Next(0, (int)last + 3), bytes, Ct);
            Assert.NotEqual(ReplicaAppendOutcome.Appended, outcome);
            Assert.Equal(last, replica.AppendedSequence);
        }
    }

    private byte[] Mutated()
    {
        var bytes = Source.Records(5, 8);
        bytes[_bench.Prng.Next(RecordCodec.HeaderLength)] ^= (byte)_bench.Prng.Next(1, 256);
        return bytes;
    }

    private static byte[] Zero(RecordHeader header)
    {
        var record = new byte[RecordCodec.HeaderLength];
        RecordCodec.Write(record, header, []);
        return record;
    }
}
