// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Links;
using Lifeboat.Replication.Resync;
using Lifeboat.Replication.Shipping;
using Lifeboat.Tests.Linking;
using Xunit;

namespace Lifeboat.Tests.Replication;

/// <summary>What a sync has yet to do, from what is counted, found and measured.</summary>
public sealed class SyncForecastTests
{
    private const long MiB = 1 << 20;
    private readonly HandClock _time = new();
    private long? _cap;

    [Fact]
    public void A_change_map_is_counted_and_at_first_takes_as_long_as_the_cap_says()
    {
        _cap = MiB;
        var sync = New();
        var volume = sync.Begin(0, SyncKind.ChangeMap, 1000 * MiB, 40 * MiB);
        Told(sync, ForecastBasis.Counted, 40, 0, left: 40);
        _cap = null;
        Told(sync, ForecastBasis.Counted, 40, 0, left: null);

        // 10 MiB in 5 s, of which comparing found a fifth to be as it was.
        for (var i = 0; i < 5; i++)
        {
            volume.AddExamined(2 * MiB);
            volume.AddMoved(8 * MiB / 5);
            volume.AddDone(100 * MiB);
            _time.Advance(TimeSpan.FromSeconds(1));
        }
        var now = sync.Forecast()!;
        const long moved = 5 * (8 * MiB / 5);
        Assert.Equal((moved, moved + 30 * MiB, 0L), (now.MovedBytes, now.ToMoveBytes, now.ToCompareBytes));
        Assert.InRange(now.BytesPerSecond!.Value, 1.1 * MiB, 1.7 * MiB);
        Assert.InRange(now.Left!.Value.TotalSeconds, 18, 26);
    }

    [Fact]
    public void A_compare_says_what_is_compared_and_guesses_from_what_it_found()
    {
        var sync = New();
        var volume = sync.Begin(0, SyncKind.HashCompare, 1000 * MiB, null);
        var before = sync.Forecast()!;
        Assert.Equal((ForecastBasis.Unknown, null, null), (before.Basis, before.ToMoveBytes, before.Left));

        for (var i = 0; i < 10; i++)
        {
            volume.AddMoved(MiB);
            volume.AddDone(20 * MiB);
            _time.Advance(TimeSpan.FromSeconds(1));
        }
        var now = sync.Forecast()!;
        Assert.Equal((ForecastBasis.Extrapolated, 10 * MiB, 50 * MiB), (now.Basis, now.MovedBytes, now.ToMoveBytes));
        Assert.Equal((200 * MiB, 1000 * MiB), (now.ComparedBytes, now.ToCompareBytes));
        Assert.InRange(now.Left!.Value.TotalSeconds, 38, 46);
    }

    [Fact]
    public void A_link_that_became_slow_shows_within_a_quarter_of_a_minute()
    {
        var sync = New();
        var volume = sync.Begin(0, SyncKind.Allocation, 10_000 * MiB, 1000 * MiB);
        void Go(long bytes, int seconds)
        {
            for (var i = 0; i < seconds; i++)
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                volume.AddMoved(bytes);
            }
        }
        Go(20 * MiB, 20);
        Assert.Equal(30, sync.Forecast()!.Left!.Value.TotalSeconds, 0.1);
        Assert.Equal(50, sync.Prediction!.Whole.TotalSeconds, 3.0);
        Go(MiB, 16);
        Assert.Equal(584, sync.Forecast()!.Left!.Value.TotalSeconds, 0.1);
        // What was foretold first stays, to be held against the end.
        Assert.Equal(50, sync.Prediction.Whole.TotalSeconds, 3.0);
        Assert.Equal(1000 * MiB, sync.Prediction.Bytes);
    }

    [Fact]
    public void Volumes_add_up_and_one_that_is_through_has_nothing_left()
    {
        _cap = MiB;
        var sync = New();
        var one = sync.Begin(0, SyncKind.ChangeMap, 100 * MiB, 30 * MiB);
        sync.Begin(1, SyncKind.ChangeMap, 100 * MiB, 20 * MiB);
        Told(sync, ForecastBasis.Counted, 50, 0, left: 50);
        one.AddMoved(5 * MiB);
        one.AddDone(100 * MiB);
        Told(sync, ForecastBasis.Counted, 25, 5, left: 20);
        // Attached anew: what it moved before is moved all the same, and what it has yet to do is counted again.
        sync.Begin(0, SyncKind.ChangeMap, 100 * MiB, 2 * MiB);
        Told(sync, ForecastBasis.Counted, 27, 5, left: 22);
    }

    [Fact]
    public void An_outbox_is_sent_at_the_pace_since_it_began()
    {
        var sent = 0L;
        var sync = new SyncCounters(SyncKind.Replay, _time, () => _cap);
        sync.Replay(60 * MiB, () => sent);
        (sent, _cap) = (20 * MiB, null);
        _time.Advance(TimeSpan.FromSeconds(10));
        Told(sync, ForecastBasis.Counted, 60, 20, left: 20);
    }

    [Fact]
    public void A_source_foretells_its_first_copy_and_says_at_the_end_how_it_came()
    {
        var world = new SourceWorld { Link = LinkSettings.Default with { Cap = "64KiB" } };
        world.Start();
        world.Until(() => world.Status.Forecast is { BytesPerSecond: not null, MovedBytes: > 256 << 10 }, "a pace");
        var (then, forecast) = (world.Agent.Clock.GetUtcNow(), world.Status.Forecast!);
        Assert.Equal((SyncKind.Allocation, ForecastBasis.Counted), (forecast.Kind, forecast.Basis));
        world.UntilStreaming();
        var took = (world.Agent.Clock.GetUtcNow() - then).TotalSeconds;
        Assert.InRange(forecast.Left!.Value.TotalSeconds, took / 2, took * 2);
        Assert.InRange((double)world.Status.SyncMovedBytes / forecast.ToMoveBytes!.Value, 0.8, 1.1);
        Assert.Null(world.Status.Forecast);
        Assert.Contains("Sync of db by Allocation begins (InitialSync)", $"{world.Log}", StringComparison.Ordinal);
        Assert.Contains("Sync of db by Allocation ended", $"{world.Log}", StringComparison.Ordinal);
    }

    private SyncCounters New() => new(SyncKind.None, _time, () => _cap);

    private static void Told(SyncCounters sync, ForecastBasis basis, long toMoveMiB, long movedMiB, double? left)
    {
        var now = sync.Forecast()!;
        Assert.Equal((basis, toMoveMiB * MiB, movedMiB * MiB, left),
            (now.Basis, now.ToMoveBytes, now.MovedBytes, now.Left?.TotalSeconds));
    }
}
