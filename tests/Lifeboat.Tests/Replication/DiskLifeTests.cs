// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Checkpoints;
using Lifeboat.Replication.Resync;
using Lifeboat.Replication.Shipping;

namespace Lifeboat.Tests.Replication;

public sealed class DiskLifeTests
{
    private static readonly Dictionary<string, Consistency> Nothing = [];
    private readonly SourceWorld _world = new();

    [Fact]
    public void A_disk_that_is_out_rests_and_points_go_on_without_a_batch()
    {
        _world.Start();
        _world.UntilStreaming();
        _world.Write(20);
        var batches = Batches;

        _world.Agent.Post(_world.Taps[1].Unplug);
        _world.Until(() => !_world.Status.Volumes[1].Captured, "the source has seen it");
        _world.Write(20, volume: 0);
        var cut = Cut();

        Assert.Equal((ReasonCode.None, null), (cut.Reason, cut.Point?.Note));
        Assert.Equal(batches, Batches);
        Assert.Equal(GroupSourcePhase.Streaming, _world.Status.Phase);
        _world.UntilEqual();
    }

    [Fact]
    public void A_disk_that_comes_back_opens_a_batch_and_is_pulled_by_its_map()
    {
        _world.Start();
        _world.UntilStreaming();
        var batches = Batches;
        _world.Agent.Post(_world.Taps[1].Unplug);
        _world.Until(() => !_world.Status.Volumes[1].Captured, "the source has seen it");

        _world.Agent.Post(() => _world.Taps[1].Presence = DiskPresence.Plugged);
        _world.Write(5, volume: 1);
        _world.Until(() => _world.Status.Volumes[1].Captured, "it is captured again");
        _world.UntilStreaming();

        Assert.Equal(batches + 1, Batches);
        Assert.Equal(SyncKind.ChangeMap, _world.Status.LastSync);
        _world.UntilEqual();
    }

    [Fact]
    public void A_cut_is_withdrawn_when_nobody_can_vouch_for_a_disk_that_rested()
    {
        _world.Policy = _world.Policy with { CheckpointInterval = TimeSpan.FromHours(1) };
        _world.Start();
        _world.UntilStreaming();
        _world.Agent.Post(_world.Taps[1].Unplug);
        _world.Until(() => !_world.Status.Volumes[1].Captured, "the source has seen it");
        // Between the cut and the look it was in, written to, and out again.
        _world.Taps[0].BeforeLook = () =>
        {
            _world.Taps[1].Presence = DiskPresence.Doubtful;
            return Task.CompletedTask;
        };

        var cut = Cut();

        Assert.Equal((null, ReasonCode.CaptureLost), (cut.Point, cut.Reason));
    }

    [Fact]
    public void A_disk_that_was_never_whole_is_left_out_and_points_say_so()
    {
        _world.Taps[1].Presence = DiskPresence.Unplugged;
        _world.Start();
        _world.UntilStreaming();
        _world.Write(5, volume: 0);

        Assert.Contains("without db.1", Cut().Point?.Note, StringComparison.Ordinal);
        var refused = Ask(new Dictionary<string, Consistency> { ["db"] = Consistency.CleanShutdown });
        Assert.Null(refused.Point); // a planned move would lose what was written to it

        _world.Agent.Post(() => _world.Taps[1].Presence = DiskPresence.Plugged);
        _world.Until(() => _world.Status.Volumes[1].Captured, "it is captured");
        _world.UntilStreaming();
        Assert.Null(Cut().Point?.Note);
        _world.UntilEqual();
    }

    /// <summary>A site that was left may have a longer disk than the one that took over, and keeps a replica in it
    /// from then on. What of the first batch is there already is no point that needs it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_disk_that_is_shorter_than_a_replica_without_a_point_is_taken_also_when_the_agent_died_in_its_batch(
        bool inMoments)
    {
        if (inMoments) _world.UseMoments();
        _world.Network.BytesPerSecond = 300_000;
        var host = new RecoveryHost(_world) { VolumeBytes = SourceWorld.DiskBytes + 4096 };
        host.Start();
        _world.Start();
        _world.Until(() => host.Replica is { DurableSequence: > 0, InBatch: true }, "some of the first batch is there");
        _world.RestartAgent();
        _world.UntilStreaming();

        Assert.All(host.Replica.Sizes, size => Assert.Equal(SourceWorld.DiskBytes, size.Value));
        _world.Until(() => host.Replica.Points.Count > 0, "there is a point");
        Assert.Equal(_world.Taps[0].Disk, host.Image(0, host.Replica.Points[^1].Sequence));
    }

    [Fact]
    public void A_released_disk_is_let_go_of_until_it_is_taken_back()
    {
        _world.Start();
        _world.UntilStreaming();

        Release(TimeSpan.FromHours(1));
        Assert.False(_world.Taps[1].Mirroring);
        _world.Write(10);
        _world.For(TimeSpan.FromSeconds(10));
        Assert.Equal((ReasonCode.VolumeReleased, true, false),
            (_world.Status.Reason, _world.Taps[0].Mirroring, _world.Taps[1].Mirroring));
        _world.Agent.Post(() => _world.Source.Recapture("db.1"));

        _world.UntilStreaming();
        Assert.Equal(SyncKind.ChangeMap, _world.Status.LastSync);
        _world.UntilEqual();
    }

    [Fact]
    public void A_release_ends_when_its_time_is_up()
    {
        _world.Start();
        _world.UntilStreaming();
        Release(TimeSpan.FromSeconds(20));
        _world.Write(10);
        _world.For(TimeSpan.FromSeconds(15));
        Assert.False(_world.Taps[1].Mirroring);
        _world.UntilStreaming();
        _world.UntilEqual();
    }

    private int Batches => _world.Site.Records.Count(r => r.Header.Kind == RecordKind.BatchBegin);

    private CheckpointOutcome Cut() => Ask(Nothing);

    private CheckpointOutcome Ask(IReadOnlyDictionary<string, Consistency> quiesced) =>
        _world.Ask(() => _world.Source.CheckpointAsync(quiesced, null, null, default));

    private void Release(TimeSpan length) => _world.Ask(async () =>
    {
        await _world.Source.ReleaseAsync("db.1", length, "a test", default);
        return true;
    });
}
