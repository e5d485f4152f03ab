// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas;
using Lifeboat.Tests.Linking;

namespace Lifeboat.Tests.Replicas;

/// <summary>Points, retention, pins, folding.</summary>
public sealed class ReplicaHistoryTests
{
    private static readonly CancellationToken Ct = CancellationToken.None;

    [Fact]
    public async Task Folding_stops_at_the_oldest_retained_point_and_trims_the_journal()
    {
        var bench = new ReplicaBench(1, retention: TimeSpan.FromSeconds(5));
        await using var replica = await bench.StartedAsync();
        for (var i = 0; i < 30; i++) await WriteAndCutAsync(bench, replica, writes: 10);
        var before = replica.JournalBytes;

        Assert.Equal(FoldOutcome.Idle, (await bench.FoldAsync(replica)).Outcome);

        Assert.Equal(6, replica.Points.Count);
        Assert.Equal(replica.Points[0].Sequence, replica.FoldedSequence);
        Assert.True(replica.JournalBytes < before / 2, $"{replica.JournalBytes} of {before} bytes");
        await bench.CheckPointsAsync(replica);
    }

    [Fact]
    public async Task Folding_goes_on_when_what_it_keeps_in_memory_was_given_up()
    {
        var bench = new ReplicaBench(1, retention: TimeSpan.FromSeconds(5));
        await using var replica = await bench.StartedAsync();
        for (var i = 0; i < 30; i++)
        {
            await WriteAndCutAsync(bench, replica, writes: 10);
            await bench.FoldAsync(replica);
            await replica.DigestAsync(0, 0, 4096, 4096, replica.AppendedSequence, new byte[BlockDigest.Length], Ct);
            if (i % 3 == 0) await replica.SpareMemoryAsync(Ct);
        }
        Assert.Equal(replica.Points[0].Sequence, replica.FoldedSequence);
        await bench.CheckPointsAsync(replica);
    }

    [Fact]
    public async Task Points_thin_out_and_each_one_left_opens_to_its_bytes_also_over_a_restart()
    {
        var bench = new ReplicaBench(1, Retention.Parse("all:10s,5s:60s").Retention!);
        List<Guid> left;
        await using (var replica = await bench.StartedAsync())
        {
            for (var i = 0; i < 100; i++)
            {
                await WriteAndCutAsync(bench, replica, writes: 3);
                await bench.FoldAsync(replica);
            }
            Assert.Equal(11 + 10, replica.Points.Count);
            Assert.Equal(replica.Points[0].Sequence, replica.FoldedSequence);
            await bench.CheckPointsAsync(replica);
            left = [.. replica.Points.Select(p => p.Id)];
        }
        bench.Disk.Crash();
        await using var again = await bench.OpenAsync();
        // The journal lists them all; the first fold thins them out to the same ones.
        Assert.True(again.Points.Count > left.Count);
        await bench.FoldAsync(again);
        Assert.Equal(left, again.Points.Select(p => p.Id));
        await bench.CheckPointsAsync(again);
    }

    [Fact]
    public async Task What_keeps_the_state_of_its_seeds_has_one_point_and_takes_nothing_in()
    {
        var bench = new ReplicaBench(1, TimeSpan.FromSeconds(10));
        var seed = bench.SeedFirst("fork-2", DateTimeOffset.UnixEpoch);
        Guid kept;
        await using (var replica = await bench.OpenAsync())
        {
            var point = Assert.Single(replica.Points);
            Assert.Equal((true, PointState.Pinned, "mine"), (point.IsOrigin, point.State, point.Label));
            Assert.Equal(["fork-2"], replica.Pins);
            kept = point.Id;
            // It never passes for the newest point.
            Assert.Null(replica.NewestSound);
            await Assert.ThrowsAsync<ReplicaException>(() => replica.OpenViewAsync("new", null, false, Ct));
            await Assert.ThrowsAsync<InvariantViolationException>(() =>
                bench.AppendAsync(replica, bench.Source.BeginBatch(newStream: true)).AsTask());
        }
        bench.Disk.Crash();
        await using var again = await bench.OpenAsync();
        Assert.Equal(kept, again.Points[0].Id);
        var view = await again.OpenViewAsync("kept", 0, writable: true, Ct);
        await ((WritableView)view).WriteAsync(0, 0, new byte[4096], Ct);
        await again.CloseViewAsync("kept", Ct);

        // Unpinned and old it stays too: whoever let it go deletes the whole of it.
        await again.UnpinAsync("fork-2", Ct);
        await bench.FoldAsync(again);
        Assert.Empty(again.Pins);
        view = await again.OpenViewAsync("kept", 0, writable: false, Ct);
        var bytes = new byte[seed.Length];
        await view.ReadAsync(0, 0, bytes, Ct);
        Assert.Equal(seed, bytes);
    }

    [Fact]
    public async Task Another_retention_is_taken_over_by_an_open_replica()
    {
        var bench = new ReplicaBench(1, TimeSpan.FromSeconds(60));
        await using var replica = await bench.StartedAsync();
        for (var i = 0; i < 40; i++) await WriteAndCutAsync(bench, replica, writes: 3);
        await bench.FoldAsync(replica);
        Assert.Equal(40, replica.Points.Count);
        var view = await replica.OpenViewAsync("kept", replica.Points[3].Sequence, writable: false, Ct);

        replica.Retention = TimeSpan.FromSeconds(10);
        await bench.FoldAsync(replica);

        Assert.Equal(11, replica.Points.Count);
        await bench.CheckAsync(view);
        Assert.Equal(view.Sequence, replica.FoldedSequence);
    }

    [Fact]
    public async Task A_compare_that_is_through_holds_history_back_for_seconds_only()
    {
        var time = new HandClock();
        var bench = new ReplicaBench(1, TimeSpan.FromSeconds(1)) { Time = time };
        await using var replica = await bench.StartedAsync();
        await WriteAndCutAsync(bench, replica, writes: 3);
        var compared = replica.AppendedSequence;
        await bench.TakeAsync(replica, bench.Source.BeginBatch(newStream: true));
        await replica.DigestAsync(0, 0, 4096, 4096, compared, new byte[16], Ct);
        await bench.TakeAsync(replica, bench.Source.EndBatch());
        for (var i = 0; i < 5; i++) await WriteAndCutAsync(bench, replica, writes: 3);
        await bench.FoldAsync(replica);
        Assert.InRange(replica.FoldedSequence, 0, compared);
        time.Advance(TimeSpan.FromSeconds(6));
        await bench.FoldAsync(replica);
        Assert.InRange(replica.FoldedSequence, compared + 1, replica.AppendedSequence);
    }

    [Fact]
    public async Task The_newest_point_is_kept_however_old_it_is()
    {
        var bench = new ReplicaBench(1, retention: TimeSpan.FromSeconds(5));
        await using var replica = await bench.StartedAsync();
        for (var i = 0; i < 8; i++) await WriteAndCutAsync(bench, replica, writes: 2);
        // A source that is silent for a year ages nothing: its history may be all there is.
        await replica.FoldAsync(bench.Source.Clock.AddYears(1), long.MaxValue, Ct);
        Assert.Equal(6, replica.Points.Count);
        // A clock that is behind keeps more rather than less.
        await replica.FoldAsync(bench.Source.Clock.AddYears(-1), long.MaxValue, Ct);
        Assert.Equal(6, replica.Points.Count);
    }

    [Fact]
    public async Task Nothing_is_folded_before_the_first_sealed_point()
    {
        var bench = new ReplicaBench(1);
        await using var replica = await bench.StartedAsync();
        await replica.FlushAsync(Ct);
        Assert.Equal(new FoldResult(FoldOutcome.Idle, 0), await bench.FoldAsync(replica));
        Assert.Equal(0, replica.FoldedSequence);
    }

    [Fact]
    public async Task An_incomplete_batch_never_touches_the_base()
    {
        var bench = new ReplicaBench(1, retention: TimeSpan.FromMilliseconds(1));
        await using var replica = await bench.StartedAsync();
        await WriteAndCutAsync(bench, replica, writes: 3);
        var cut = replica.Points[0].Sequence;
        await bench.TakeAsync(replica, bench.Source.BeginBatch(newStream: true));
        for (var i = 0; i < 50; i++) await bench.TakeAsync(replica, bench.Source.Write());
        await replica.FlushAsync(Ct);

        await bench.FoldAsync(replica);

        Assert.Equal(cut, replica.FoldedSequence);
        await bench.CheckPointsAsync(replica);
    }

    [Fact]
    public async Task A_pin_keeps_its_point_and_holds_folding_until_unpinned_also_over_a_restart()
    {
        var bench = new ReplicaBench(1, retention: TimeSpan.FromSeconds(5));
        Guid pinned;
        await using (var replica = await bench.StartedAsync())
        {
            await WriteAndCutAsync(bench, replica, writes: 5);
            pinned = replica.Points[0].Id;
            await replica.PinAsync("drill", pinned, Ct);
            await replica.PinAsync("drill", pinned, Ct);
            Assert.Equal(PointState.Pinned, replica.Points[0].State);
        }
        bench.Disk.Crash();
        await using var again = await bench.OpenAsync();
        for (var i = 0; i < 20; i++) await WriteAndCutAsync(bench, again, writes: 5);
        await bench.FoldAsync(again);
        Assert.Equal(pinned, again.Points[0].Id);
        Assert.Equal(again.Points[0].Sequence, again.FoldedSequence);
        await bench.CheckPointsAsync(again);

        await again.UnpinAsync("drill", Ct);
        await again.UnpinAsync("drill", Ct);
        await bench.FoldAsync(again);
        Assert.DoesNotContain(again.Points, p => p.Id == pinned);
        Assert.Equal(again.Points[0].Sequence, again.FoldedSequence);
        var failure = await Assert.ThrowsAsync<ReplicaException>(() => again.PinAsync("late", pinned, Ct));
        Assert.Equal(ReplicaFault.PointUnknown, failure.Fault);
    }

    [Fact]
    public async Task Each_call_does_bounded_work()
    {
        var bench = new ReplicaBench(1, retention: TimeSpan.FromMilliseconds(1));
        await using var replica = await bench.StartedAsync();
        for (var i = 0; i < 20; i++) await WriteAndCutAsync(bench, replica, writes: 20);
        var result = await bench.FoldAsync(replica, budget: 1);
        Assert.Equal(FoldOutcome.More, result.Outcome);
        Assert.InRange(result.FoldedBytes, 1, 80 << 10);
        for (var i = 0; i < 100 && result.Outcome == FoldOutcome.More; i++)
            result = await bench.FoldAsync(replica, budget: 1);
        Assert.Equal(FoldOutcome.Idle, result.Outcome);
        await bench.CheckPointsAsync(replica);
    }

    [Fact]
    public async Task A_store_without_room_is_said_and_history_stays()
    {
        var bench = new ReplicaBench(1, retention: TimeSpan.FromMilliseconds(1));
        await using var replica = await bench.StartedAsync();
        for (var i = 0; i < 3; i++) await WriteAndCutAsync(bench, replica, writes: 20);
        bench.Disk.CapacityBytes = bench.Disk.AllocatedBytes + (48 << 10);
        Assert.Equal(FoldOutcome.Full, (await bench.FoldAsync(replica)).Outcome);
        await bench.CheckPointsAsync(replica);
        bench.Disk.CapacityBytes = long.MaxValue;
        Assert.Equal(FoldOutcome.Idle, (await bench.FoldAsync(replica)).Outcome);
        await bench.CheckPointsAsync(replica);
    }

    [Fact]
    public async Task The_catalogue_comes_from_the_journal_alone()
    {
        var bench = new ReplicaBench(1);
        await using (var replica = await bench.StartedAsync())
            for (var i = 0; i < 5; i++) await WriteAndCutAsync(bench, replica, writes: 2);
        bench.Disk.Crash();
        await using var again = await bench.OpenAsync();
        Assert.Equal(bench.Source.Points.Select(p => (p.Id, p.Sequence, p.CutAt)),
            again.Points.Select(p => (p.Id, p.Sequence, p.CutAt)));
    }

    private static async Task WriteAndCutAsync(ReplicaBench bench, Replica replica, int writes)
    {
        for (var i = 0; i < writes; i++) await bench.TakeAsync(replica, bench.Source.Write());
        await bench.CutAsync(replica);
    }
}
