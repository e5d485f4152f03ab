// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Capture;
using Lifeboat.Testing;

namespace Lifeboat.Tests.Replication;

/// <summary>The stream under real threads, as the gateways use it.</summary>
public sealed class CaptureThreadsTests
{
    private const int Writers = 4;
    private const int WritesEach = 4000;
    private const int SlotBytes = 512;

    [Fact]
    public async Task Writers_on_many_threads_are_in_one_order_that_each_of_them_agrees_with()
    {
        var stream = NewStream(out var sinks);
        var written = new long[Writers];
        var cuts = new List<(long Sequence, long[] Before, long[] After)>();
        var writers = Enumerable.Range(0, Writers)
            .Select(w => Task.Factory.StartNew(() => Write(sinks[w], written, w), TaskCreationOptions.LongRunning));
        var writing = Task.WhenAll(writers);
        var records = new List<(RecordHeader Header, byte[] Data)>();
        while (!writing.IsCompleted || records.Count < stream.LastSequence)
        {
            Cut(stream, written, cuts);
            records.AddRange(StreamReader.Take(stream));
            Assert.True(stream.MarkDurable(records[^1].Header.Sequence));
            await Task.Yield();
        }
        await writing;

        Assert.Equal(Enumerable.Range(1, records.Count).Select(i => (long)i), records.Select(r => r.Header.Sequence));
        for (ushort w = 0; w < Writers; w++)
            Assert.Equal(Enumerable.Range(1, WritesEach).Select(i => (long)i), Numbers(records, w));
        Assert.NotEmpty(cuts);
        foreach (var (sequence, before, after) in cuts)
            for (ushort w = 0; w < Writers; w++)
            {
                // Everything acknowledged before the cut is in it; nothing that began after it is.
                var last = Numbers(records.TakeWhile(r => r.Header.Sequence < sequence), w).LastOrDefault();
                Assert.InRange(last, before[w], after[w] + 1);
            }
    }

    private static void Write(VolumeSink sink, long[] written, int writer)
    {
        var data = new byte[SlotBytes];
        for (var i = 1L; i <= WritesEach; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(data, i);
            if (!sink.Write(i % 100 * SlotBytes, data)) throw new InvalidOperationException("capture was given up");
            Volatile.Write(ref written[writer], i);
        }
    }

    private static void Cut(CaptureStream stream, long[] written, List<(long, long[], long[])> cuts)
    {
        var before = Acknowledged(written);
        CutOutcome outcome;
        RecoveryPoint? point;
        using (var hold = stream.Hold()) outcome = hold.Cut(Point, false, out point);
        var after = Acknowledged(written);
        if (outcome != CutOutcome.Cut) return;
        cuts.Add((point!.Sequence, before, after));
        stream.Confirm(point.Sequence);
    }

    private static long[] Acknowledged(long[] written)
    {
        var all = new long[written.Length];
        for (var i = 0; i < all.Length; i++) all[i] = Volatile.Read(ref written[i]);
        return all;
    }

    private static IEnumerable<long> Numbers(IEnumerable<(RecordHeader Header, byte[] Data)> records, ushort volume) =>
        records.Where(r => r.Header.Kind == RecordKind.Write && r.Header.Volume == volume)
            .Select(r => BinaryPrimitives.ReadInt64LittleEndian(r.Data));

    private static CaptureStream NewStream(out VolumeSink[] sinks)
    {
        var stream = new CaptureStream(new CaptureStreamOptions
        {
            Epoch = new Epoch(1),
            StreamId = new Prng(1).NextGuid(),
            FirstSequence = 1,
            Volumes = [.. Enumerable.Range(0, Writers).Select(v => new StreamVolume((ushort)v, 1 << 20))],
            OutboxBytes = 64 << 20,
            HoldLimit = TimeSpan.FromSeconds(10),
        }, TimeProvider.System);
        sinks = [.. Enumerable.Range(0, Writers).Select(v => stream.BeginVolume((ushort)v))];
        foreach (var sink in sinks)
        {
            stream.Attached(sink);
            stream.EndPull(sink);
        }
        Assert.True(stream.TryEndBatch(out _));
        return stream;
    }

    private static RecoveryPoint Point(long sequence) => new(new Guid(1, 2, 3, new byte[8]), sequence,
        new Epoch(1), DateTimeOffset.UnixEpoch, Consistency.Crash, PointState.Open, null, null,
        new Dictionary<string, Consistency>());
}
