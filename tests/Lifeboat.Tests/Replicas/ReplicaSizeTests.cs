// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Tests.Replicas;

public sealed class ReplicaSizeTests
{
    private const ushort Volume = 5;
    private const int Before = 65536, After = 262144 + 512;
    private static readonly CancellationToken Ct = CancellationToken.None;
    private readonly ReplicaBench _bench = new(1);

    [Fact]
    public async Task A_volume_has_at_each_point_the_size_that_it_had_then_also_folded_and_opened_again()
    {
        long old, grown;
        await using (var replica = await _bench.StartedAsync())
        {
            await _bench.CutAsync(replica);
            old = _bench.Source.Points[^1].Sequence;
            await GrowAsync(replica);
            await _bench.CutAsync(replica);
            grown = _bench.Source.Points[^1].Sequence;
            await CheckAsync(replica, old, Before);
            await CheckAsync(replica, grown, After);
        }
        await using (var again = await _bench.OpenAsync())
        {
            await CheckAsync(again, old, Before);
            await CheckAsync(again, grown, After);
            // Points are kept for 20 s before the newest; each cut is a second.
            for (var i = 0; i < 30; i++) await _bench.CutAsync(again);
            await _bench.FoldAsync(again);
            Assert.InRange(again.FoldedSequence, grown + 1, long.MaxValue);
            grown = _bench.Source.Points[^1].Sequence;
            await CheckAsync(again, grown, After);
        }
        await using var folded = await _bench.OpenAsync();
        Assert.Equal(After, folded.Sizes[Volume]);
        await CheckAsync(folded, grown, After);
    }

    [Fact]
    public async Task A_size_outside_of_a_batch_or_less_than_before_is_refused()
    {
        await using var replica = await _bench.StartedAsync();
        await _bench.CutAsync(replica);
        Assert.Equal(ReplicaAppendOutcome.Corrupt, await _bench.AppendAsync(replica, Size(replica, After)));
        await _bench.TakeAsync(replica, _bench.Source.BeginBatch(newStream: false));
        Assert.Equal(ReplicaAppendOutcome.OutOfRange, await _bench.AppendAsync(replica, Size(replica, Before - 512)));
        Assert.Equal(ReplicaAppendOutcome.Appended, await _bench.AppendAsync(replica, Size(replica, After)));
    }

    private async Task GrowAsync(Replica replica)
    {
        await _bench.TakeAsync(replica, _bench.Source.BeginBatch(newStream: false));
        await _bench.TakeAsync(replica, _bench.Source.Size(Volume, After));
        await _bench.TakeAsync(replica, _bench.Source.Write(Volume, After - 1024, Filled()));
        await _bench.TakeAsync(replica, _bench.Source.EndBatch());
    }

    private static async Task CheckAsync(Replica replica, long sequence, int size)
    {
        var view = await replica.OpenViewAsync("size", sequence, writable: true, Ct);
        Assert.Equal(size, view.Sizes[Volume]);
        var end = new byte[1024];
        await view.ReadAsync(Volume, size - end.Length, end, Ct);
        if (size == After) Assert.Equal(Filled(), end);
        await Assert.ThrowsAnyAsync<ArgumentException>(
            async () => await view.ReadAsync(Volume, size, new byte[512], Ct));
        await replica.CloseViewAsync("size", Ct);
    }

    private static byte[] Filled()
    {
        var bytes = new byte[1024];
        Array.Fill(bytes, (byte)7);
        return bytes;
    }

    private static byte[] Size(Replica replica, long bytes)
    {
        var record = new byte[RecordCodec.HeaderLength];
        RecordCodec.Write(record, RecordHeader.Size(Volume, replica.AppendedSequence + 1, 1, bytes, 0), default);
        return record;
    }
}
