// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Capture;
using Lifeboat.Testing;
using Xunit;

namespace Lifeboat.Tests.Replication;

public sealed class CaptureStreamTests
{
    private const long Size = 4 << 20;
    private readonly Prng _prng = new(7);

    [Fact]
    public void Every_write_gets_the_next_sequence_over_all_volumes()
    {
        var stream = Whole(out var sinks, firstSequence: 41);
        Assert.True(sinks[0].Write(512, _prng.Bytes(1024)));
        Assert.True(sinks[1].Write(0, _prng.Bytes(512)));
        Assert.True(sinks[0].Zero(0, 4096));

        var records = StreamReader.Take(stream);
        Assert.Equal([41L, 42, 43, 44, 45], records.Select(r => r.Header.Sequence));
        Assert.Equal(
            [RecordKind.BatchBegin, RecordKind.BatchEnd, RecordKind.Write, RecordKind.Write, RecordKind.Zero],
            records.Select(r => r.Header.Kind));
        Assert.Equal([(ushort)0, (ushort)1, (ushort)0], records[2..].Select(r => r.Header.Volume));
        Assert.All(records, r => Assert.Equal(3, r.Header.Epoch));
    }

    [Fact]
    public void A_large_write_is_cut_into_records_that_together_are_the_write()
    {
        var stream = Whole(out var sinks);
        var data = _prng.Bytes((3 << 20) + 100);
        Assert.True(sinks[0].Write(300, data));

        var image = new byte[Size];
        StreamReader.Apply(StreamReader.Take(stream), 0, image);
        Assert.True(image.AsSpan(300, data.Length).SequenceEqual(data));
    }

    [Fact]
    public void Placed_and_copied_writes_are_in_one_order_and_their_buffers_come_back()
    {
        var stream = Whole(out var sinks);
        var (expected, image) = (new byte[Size], new byte[Size]);
        for (var i = 0; i < 400; i++)
        {
            var length = _prng.Chance(0.5) ? 100_000 + _prng.Next(162_000) : 1 + _prng.Next(9000);
            var offset = _prng.Next((int)Size - length);
            var data = _prng.Bytes(length);
            data.CopyTo(expected.AsSpan(offset));
            for (var done = 0; _prng.Chance(0.7) && done < length;) // a placed write may come in pieces
            {
                var place = sinks[0].Place(length - done);
                data.AsSpan(done, place.Length).CopyTo(place.Span);
                Assert.True(sinks[0].WritePlaced(offset + done, place));
                done += place.Length;
            }
            Assert.True(sinks[0].Write(offset, data)); // the same once more, or for the first time
            if (_prng.Chance(0.2)) continue; // what the outbox holds grows and shrinks
            StreamReader.Apply(StreamReader.Take(stream), 0, image);
            Assert.True(stream.MarkDurable(stream.LastSequence));
        }
        StreamReader.Apply(StreamReader.Take(stream), 0, image);
        Assert.True(image.AsSpan().SequenceEqual(expected));
    }

    [Fact]
    public void A_placed_write_of_a_lost_volume_is_refused()
    {
        var stream = Whole(out var sinks);
        var place = sinks[0].Place(200_000);
        sinks[0].Lost();
        var last = stream.LastSequence;
        Assert.False(sinks[0].WritePlaced(0, place));
        Assert.Equal(last, stream.LastSequence);
    }

    [Fact]
    public void Placed_writes_fill_the_outbox_like_others()
    {
        var stream = Whole(out var sinks);
        var taken = 0;
        while (sinks[0].WritePlaced(0, sinks[0].Place(200_000))) taken++;
        Assert.True(stream.IsGivenUp);
        Assert.InRange(taken, 1, 10_000);
    }

    [Fact]
    public void What_does_not_fit_the_volume_is_refused_and_opens_a_batch()
    {
        var stream = Whole(out var sinks);
        Assert.False(sinks[0].Write(Size - 100, new byte[512]));
        Assert.True(stream.InBatch);
        Assert.False(sinks[0].Write(0, new byte[512]));
        Assert.True(sinks[1].Write(0, new byte[512]));
    }

    [Fact]
    public void Losing_one_volume_opens_a_batch_before_any_later_write_of_another()
    {
        var stream = Whole(out var sinks);
        sinks[0].Write(0, new byte[512]);
        sinks[0].Lost();
        sinks[1].Write(0, new byte[512]);

        var kinds = StreamReader.Take(stream).Select(r => r.Header.Kind).ToList();
        Assert.Equal([RecordKind.Write, RecordKind.BatchBegin, RecordKind.Write], kinds[2..]);
        Assert.Equal(CutOutcome.InBatch, Cut(stream, clean: false, out _));
    }

    [Fact]
    public void Pulled_bytes_never_cover_what_was_written_since_the_attach()
    {
        var stream = New();
        var sink = stream.BeginVolume(0);
        var disk = _prng.Bytes(256 << 10);
        var expected = disk.ToArray();
        var pulled = disk.ToArray(); // read before the writes: all of it is older than they are
        for (var i = 0; i < 200; i++)
        {
            var offset = _prng.Next(disk.Length);
            var data = _prng.Bytes(1 + _prng.Next(Math.Min(9000, disk.Length - offset)));
            sink.Write(offset, data);
            data.CopyTo(expected, offset);
        }
        for (var at = 0; at < disk.Length; at += 64 << 10)
            Assert.Equal(PullOutcome.Appended,
                stream.AppendPulled(sink, at, 64 << 10, pulled.AsSpan(at, 64 << 10), out _));

        var image = new byte[Size];
        var records = StreamReader.Take(stream);
        StreamReader.Apply(records, 0, image);
        Assert.True(image.AsSpan(0, expected.Length).SequenceEqual(expected));
        Assert.Contains(records, r => r.Header.Flags.HasFlag(RecordFlags.Pulled));
    }

    [Fact]
    public void An_earlier_sink_of_a_volume_refuses()
    {
        var stream = New();
        var old = stream.BeginVolume(0);
        var now = stream.BeginVolume(0);
        Assert.False(old.Write(0, new byte[512]));
        Assert.Equal(PullOutcome.Lost, stream.AppendPulled(old, 0, 512, new byte[512], out _));
        Assert.True(now.Write(0, new byte[512]));
    }

    [Fact]
    public async Task A_full_outbox_gives_up_instead_of_waiting()
    {
        var stream = Whole(out var sinks, outboxBytes: 1 << 20);
        var taken = 0;
        while (taken < 100 && sinks[0].Write(0, _prng.Bytes(64 << 10))) taken++;

        Assert.InRange(taken, 8, 16);
        Assert.True(stream.IsGivenUp);
        Assert.Equal(ReasonCode.OutboxFull, await stream.GivenUp);
        Assert.False(sinks[1].Write(0, new byte[512]));
        Assert.False(stream.TryTake(1 << 20, out _));
    }

    [Fact]
    public void What_is_durable_makes_room_again()
    {
        var stream = Whole(out var sinks, outboxBytes: 1 << 20);
        for (var i = 0; i < 200; i++)
        {
            Assert.True(sinks[0].Write(0, _prng.Bytes(64 << 10)));
            StreamReader.Take(stream);
            Assert.True(stream.MarkDurable(stream.LastSequence));
            Assert.Equal(0, stream.OutboxBytes);
        }
    }

    [Fact]
    public void An_ack_of_more_than_was_shipped_is_not_believed()
    {
        var stream = Whole(out var sinks);
        StreamReader.Take(stream);
        sinks[0].Write(0, new byte[512]);
        Assert.False(stream.MarkDurable(stream.LastSequence));
        Assert.True(stream.MarkDurable(stream.LastSequence - 1));
    }

    [Fact]
    public void Replay_ships_exactly_what_follows_the_durable_sequence()
    {
        var stream = Whole(out var sinks);
        for (var i = 0; i < 300; i++) sinks[i % 2].Write(0, _prng.Bytes(2048));
        var all = StreamReader.Take(stream);
        stream.MarkDurable(100);

        Assert.False(stream.TryReplayFrom(99));
        Assert.False(stream.TryReplayFrom(stream.LastSequence + 1));
        Assert.True(stream.TryReplayFrom(150));
        var again = StreamReader.Take(stream);
        Assert.Equal(all.Where(r => r.Header.Sequence > 150).Select(r => r.Header), again.Select(r => r.Header));
    }

    [Fact]
    public void A_checkpoint_and_what_follows_waits_for_its_confirmation()
    {
        var stream = Whole(out var sinks);
        StreamReader.Take(stream);
        Assert.Equal(CutOutcome.Cut, Cut(stream, clean: false, out var point));
        sinks[0].Write(0, new byte[512]);
        Assert.Empty(StreamReader.Take(stream));
        Assert.Equal(CutOutcome.Unconfirmed, Cut(stream, clean: false, out _));

        stream.Confirm(point!.Sequence);
        var records = StreamReader.Take(stream);
        Assert.Equal([RecordKind.Checkpoint, RecordKind.Write], records.Select(r => r.Header.Kind));
        Assert.Equal(RecordFlags.None, records[0].Header.Flags);
        Assert.True(CheckpointPayload.TryDecode(records[0].Data, out var read));
        Assert.Equal(point.Sequence, read!.Sequence);
    }

    [Fact]
    public void A_withdrawn_checkpoint_keeps_its_sequence_and_is_marked()
    {
        var stream = Whole(out var sinks);
        StreamReader.Take(stream);
        Cut(stream, clean: false, out var point);
        sinks[0].Lost();
        stream.Withdraw(point!.Sequence);

        var records = StreamReader.Take(stream);
        Assert.Equal([RecordKind.Checkpoint, RecordKind.BatchBegin], records.Select(r => r.Header.Kind));
        Assert.Equal(RecordFlags.Withdrawn, records[0].Header.Flags);
    }

    [Fact]
    public void A_clean_shutdown_can_be_cut_when_instances_ended_whole_and_only_then()
    {
        var stream = Whole(out var sinks);
        sinks[0].Lost();
        sinks[1].Lost();
        Assert.Equal(CutOutcome.InBatch, Cut(stream, clean: true, out _));
        stream.MarkEndedWithInstance(sinks[0]);
        Assert.Equal(CutOutcome.InBatch, Cut(stream, clean: true, out _));
        stream.MarkEndedWithInstance(sinks[1]);

        // A try to attach that failed changes nothing; one that succeeded does.
        stream.Abandon(stream.BeginVolume(0));
        Assert.Equal(CutOutcome.Cut, Cut(stream, clean: true, out var point));
        stream.Confirm(point!.Sequence);
        Assert.True(stream.InBatch);
        stream.Attached(stream.BeginVolume(0));
        Assert.Equal(CutOutcome.InBatch, Cut(stream, clean: true, out _));

        var kinds = StreamReader.Take(stream).Select(r => r.Header.Kind).ToList();
        Assert.Equal([RecordKind.BatchEnd, RecordKind.Checkpoint, RecordKind.BatchBegin], kinds[^3..]);
    }

    [Fact]
    public void A_group_has_points_while_one_of_its_instances_is_shut_down()
    {
        var stream = Whole(out var sinks);
        stream.MarkEndedWithInstance(sinks[1]);
        Assert.True(stream is { InBatch: true, MayCut: true, OnlyEnded: true });
        for (var i = 0; i < 2; i++)
        {
            StreamReader.Take(stream);
            sinks[0].Write(0, new byte[512]);
            Assert.Equal(CutOutcome.Cut, Cut(stream, clean: false, out var point));
            stream.Confirm(point!.Sequence);
            Assert.Equal([RecordKind.Write, RecordKind.BatchEnd, RecordKind.Checkpoint, RecordKind.BatchBegin],
                StreamReader.Take(stream).Select(r => r.Header.Kind));
        }

        stream.MarkReturned(sinks[1]);
        Assert.True(stream is { MayCut: false, OnlyEnded: false });
        Assert.Equal(CutOutcome.InBatch, Cut(stream, clean: false, out _));
    }

    [Fact]
    public void A_volume_lost_before_it_was_whole_never_counts_as_ended_whole()
    {
        var stream = New();
        var sink = stream.BeginVolume(0);
        sink.Lost();
        stream.MarkEndedWithInstance(sink);
        Assert.DoesNotContain(stream.Volumes(), v => v.Ended);
    }

    [Fact]
    public async Task A_hold_makes_writers_wait_but_never_longer_than_its_limit()
    {
        var stream = Whole(out var sinks, holdLimit: TimeSpan.FromMinutes(1));
        var hold = stream.Hold();
        var write = Task.Run(() => sinks[0].Write(0, new byte[512]), TestContext.Current.CancellationToken);
        await Task.Delay(20, TestContext.Current.CancellationToken);
        Assert.False(write.IsCompleted);
        hold.Dispose();
        Assert.True(await write);

        stream = Whole(out sinks, holdLimit: TimeSpan.FromMilliseconds(20));
        using var stuck = stream.Hold();
        Assert.True(await Task.Run(() => sinks[0].Write(0, new byte[512]), TestContext.Current.CancellationToken));
        Assert.Equal(CutOutcome.HeldTooLong, stuck.Cut(Point, false, out _));
    }

    private CaptureStream New(long firstSequence = 1, long outboxBytes = 16 << 20, TimeSpan? holdLimit = null) =>
        new(new CaptureStreamOptions
        {
            Epoch = new Epoch(3),
            StreamId = _prng.NextGuid(),
            FirstSequence = firstSequence,
            Volumes = [new StreamVolume(0, Size), new StreamVolume(1, Size)],
            OutboxBytes = outboxBytes,
            HoldLimit = holdLimit ?? TimeSpan.FromSeconds(5),
        }, TimeProvider.System);

    private CaptureStream Whole(out VolumeSink[] sinks, long firstSequence = 1, long outboxBytes = 16 << 20,
        TimeSpan? holdLimit = null)
    {
        var stream = New(firstSequence, outboxBytes, holdLimit);
        sinks = [stream.BeginVolume(0), stream.BeginVolume(1)];
        foreach (var sink in sinks)
        {
            stream.Attached(sink);
            stream.EndPull(sink);
        }
        Assert.True(stream.TryEndBatch(out _));
        return stream;
    }

    private static CutOutcome Cut(CaptureStream stream, bool clean, out RecoveryPoint? point)
    {
        using var hold = stream.Hold();
        return hold.Cut(Point, clean, out point);
    }

    private static RecoveryPoint Point(long sequence) =>
        new(Guid.NewGuid(), sequence, new Epoch(3), DateTimeOffset.UnixEpoch, Consistency.Crash, PointState.Open, null,
            null, new Dictionary<string, Consistency>());
}
