// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Indexing;
using Lifeboat.Journaling.Records;
using Lifeboat.Replication.Replicas;
using Lifeboat.Testing;

namespace Lifeboat.Tests.Replicas;

/// <summary>What may differ between two sequences has every byte that does, and nothing that no record
/// touched.</summary>
public sealed class ReplicaChangesTests
{
    private static readonly CancellationToken Ct = CancellationToken.None;

    [Fact]
    public async Task Every_byte_that_differs_between_two_points_is_among_the_changes_and_nothing_untouched_is()
    {
        long asked = 0, known = 0;
        for (ulong seed = 0; seed < 30; seed++)
        {
            var bench = new ReplicaBench(seed);
            var prng = new Prng(seed + 99);
            await using var replica = await bench.StartedAsync();
            for (var i = 0; i < 12; i++)
            {
                await StreamAsync(bench, replica, prng);
                if (prng.Chance(0.3)) await bench.FoldAsync(replica, prng.Next(1, 300_000));
                var view = await replica.OpenViewAsync("v", prng.Pick(replica.Points).Sequence, false, Ct);
                var other = prng.Next((int)replica.DurableSequence + 1);
                foreach (var volume in view.Sizes.Keys)
                {
                    asked++;
                    var found = await view.ChangesAsync(volume, replica.ReplicaId, other, Ct);
                    Assert.Equal(other >= replica.FoldedSequence, found is not null);
                    if (found is null) continue;
                    known++;
                    Check(bench.Source, volume, Math.Min(other, view.Sequence), Math.Max(other, view.Sequence), found);
                }
                await replica.CloseViewAsync("v", Ct);
            }
        }
        // Neither answer is the only one that is ever given.
        Assert.InRange(known, asked / 4, asked - 10);
    }

    [Fact]
    public async Task Bytes_that_a_volume_has_at_one_of_the_two_only_are_changes()
    {
        var bench = new ReplicaBench(1);
        await using var replica = await bench.StartedAsync();
        await bench.CutAsync(replica);
        var old = replica.Points[^1].Sequence;
        await bench.TakeAsync(replica, bench.Source.BeginBatch(newStream: false));
        await bench.TakeAsync(replica, bench.Source.Size(5, 262144));
        await bench.TakeAsync(replica, bench.Source.Write(5, 65536 - 512, new byte[1024]));
        await bench.TakeAsync(replica, bench.Source.EndBatch());
        await bench.CutAsync(replica);
        var view = await replica.OpenViewAsync("v", null, false, Ct);
        Assert.Equal([new ChangedRange(65536 - 512, 512), new ChangedRange(65536, 262144 - 65536)],
            await view.ChangesAsync(5, replica.ReplicaId, old, Ct));
        Assert.Equal([], await view.ChangesAsync(0, replica.ReplicaId, old, Ct));
        Assert.Equal([], await view.ChangesAsync(5, replica.ReplicaId, view.Sequence, Ct));
    }

    [Fact]
    public async Task Nothing_is_said_of_another_replica_or_of_what_is_not_here_yet()
    {
        var bench = new ReplicaBench(2);
        await using var replica = await bench.StartedAsync();
        await bench.CutAsync(replica);
        var view = await replica.OpenViewAsync("v", null, false, Ct);
        Assert.Null(await view.ChangesAsync(0, Guid.NewGuid(), view.Sequence, Ct));
        Assert.Null(await view.ChangesAsync(0, replica.ReplicaId, view.Sequence + 1, Ct));
        Assert.NotNull(await view.ChangesAsync(0, replica.ReplicaId, replica.FoldedSequence, Ct));
    }

    [Fact]
    public async Task A_pinned_point_can_be_asked_about_however_far_history_has_gone()
    {
        var bench = new ReplicaBench(3);
        await using var replica = await bench.StartedAsync();
        await bench.CutAsync(replica);
        var pinned = replica.Points[^1];
        await replica.PinAsync("standing", pinned.Id, Ct);
        for (var i = 0; i < 60; i++)
        {
            await bench.TakeAsync(replica, bench.Source.Write());
            await bench.CutAsync(replica);
        }
        await bench.FoldAsync(replica);
        var view = await replica.OpenViewAsync("v", null, false, Ct);
        Assert.NotNull(await view.ChangesAsync(0, replica.ReplicaId, pinned.Sequence, Ct));
        await replica.UnpinAsync("standing", Ct);
        await bench.FoldAsync(replica);
        Assert.Null(await view.ChangesAsync(0, replica.ReplicaId, pinned.Sequence, Ct));
    }

    private static async Task StreamAsync(ReplicaBench bench, Replica replica, Prng prng)
    {
        for (var i = prng.Next(1, 40); i > 0; i--)
            await bench.TakeAsync(replica, prng.Chance(0.2) ? bench.Source.Zero() : bench.Source.Write());
        if (prng.Chance(0.2)) await bench.BatchAsync(replica, prng.Next(1, 10));
        await bench.CutAsync(replica);
    }

    private static void Check(ModelSource source, ushort volume, long from, long to, IReadOnlyList<ChangedRange> found)
    {
        for (var i = 1; i < found.Count; i++) Assert.True(found[i - 1].End < found[i].Offset, "in order and joined");
        var (before, after) = (source.ImageAt(from)[volume], source.ImageAt(to)[volume]);
        var said = new bool[after.Length];
        foreach (var range in found) said.AsSpan((int)range.Offset, (int)range.Length).Fill(true);
        var touched = new bool[after.Length];
        for (var s = from + 1; s <= to; s++)
        {
            RecordCodec.TryRead(source.Record(s), out var header, out _);
            if (header.Kind is RecordKind.Write or RecordKind.Zero && header.Volume == volume)
                touched.AsSpan((int)header.Offset, (int)header.Length).Fill(true);
        }
        for (var at = 0; at < after.Length; at++)
        {
            if (before[at] != after[at] && !said[at]) Assert.Fail($"byte {at} differs between {from} and {to}");
            if (said[at] != touched[at]) Assert.Fail($"byte {at} is said {said[at]}, touched {touched[at]}");
        }
    }
}
