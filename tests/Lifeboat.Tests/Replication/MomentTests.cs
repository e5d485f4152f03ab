// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Checkpoints;
using Lifeboat.Replication.Shipping;
using Xunit;

namespace Lifeboat.Tests.Replication;

/// <summary>A group that is read in moments: batches with a point each, dated at the moment, nothing lost.</summary>
public sealed class MomentTests
{
    private static readonly Dictionary<string, Consistency> Nothing = [];
    private readonly SourceWorld _world = new();
    private readonly TestMomentTap _tap;

    public MomentTests() => _tap = _world.UseMoments();

    [Fact]
    public void Each_period_a_point_equals_the_disks_as_they_were_at_its_moment()
    {
        _world.Start();
        for (var i = 0; i < 6; i++)
        {
            Write(30);
            _world.For(TimeSpan.FromSeconds(5));
        }
        _world.Until(() => _tap.Forgets >= 3, "three moments are durable");
        AssertPoints(least: 3);
        Assert.Equal(1, _world.Site.Streams);
        Assert.Equal((GroupSourcePhase.Streaming, ReasonCode.None), (_world.Status.Phase, _world.Status.Reason));
    }

    [Fact]
    public void Between_two_moments_only_what_changed_is_sent_and_once()
    {
        _world.Start();
        _world.Until(() => _tap.Forgets == 1, "the first moment is durable");
        var before = _world.Site.DataBytes;
        // The same blocks again and again.
        for (var i = 0; i < 50; i++) GuestWrite(1, 8192 + i % 2 * 4096);
        _world.Until(() => _tap.Forgets == 2, "the second is");
        Assert.Equal(2 * 4096, _world.Site.DataBytes - before);
        Assert.Equal(2 * 4096, _world.Status.Moments!.LastBytes);
        AssertPoints(least: 2);
    }

    [Fact]
    public void An_agent_that_was_killed_sends_only_what_changed_and_says_how_far_behind_it_is()
    {
        _world.Start();
        _world.Until(() => _tap.Forgets == 1, "the first moment is durable");
        Write(10);
        _world.For(TimeSpan.FromSeconds(3));
        _world.RestartAgent();
        Write(10);
        _world.Until(() => _world.Status.Connected, "it is connected");
        Assert.InRange(_world.Status.Lag, TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(10));
        var before = _world.Site.DataBytes;
        _world.Until(() => _tap.Forgets == 2, "the next moment is durable");
        Assert.InRange(_world.Site.DataBytes - before, 1, 20 * 4096);
        Assert.Equal(SyncKind.ChangeMap, _world.Status.LastSync);
        AssertPoints(least: 2);
    }

    [Fact]
    public void A_moment_that_breaks_is_given_up_and_its_changes_are_in_the_next()
    {
        _world.Start();
        _world.Until(() => _tap.Forgets == 1, "the first moment is durable");
        Write(40);
        _tap.BreakNext = 2;
        _world.Until(() => _tap.Forgets == 2, "the moment after those that broke is durable");
        Assert.Equal(2, _world.Status.Moments!.GivenUp);
        Assert.Null(_world.Status.Moments.Failure);
        AssertPoints(least: 2);
    }

    [Fact]
    public void A_link_that_flaps_in_a_moment_loses_nothing()
    {
        _world.Start();
        for (var i = 0; i < 12; i++)
        {
            Write(60);
            _world.For(TimeSpan.FromSeconds(1.7));
            _world.Network.BreakAll();
        }
        _world.Until(() => _tap.Forgets >= 2, "moments become durable");
        AssertPoints(least: 2);
    }

    [Fact]
    public void While_the_link_is_away_no_image_is_kept_and_the_lag_grows()
    {
        _world.Start();
        _world.Until(() => _tap.Forgets == 1, "the first moment is durable");
        Write(100);
        _world.Site.HoldAcks = true;
        _world.Until(() => _tap.Open == 1 || _world.Status.Moments!.UnderWay is not null, "a moment is under way");
        _world.Network.Partition();
        _world.For(TimeSpan.FromSeconds(90));
        Assert.Equal(0, _tap.Open);
        Assert.InRange(_world.Status.Lag, TimeSpan.FromSeconds(90), TimeSpan.FromSeconds(140));
        _world.Site.HoldAcks = false;
        _world.Network.Heal();
        _world.UntilStreaming();
        _world.Until(() => _world.Status.Lag < TimeSpan.FromSeconds(15), "it has caught up");
        AssertPoints(least: 2);
    }

    [Fact]
    public void An_instance_that_was_restarted_is_compared_by_hash()
    {
        _world.Start();
        _world.Until(() => _tap.Forgets == 1, "the first moment is durable");
        _tap.Restart();
        GuestWrite(0, 40960);
        var before = _world.Site.DataBytes;
        _world.Until(() => _tap.Forgets == 2, "the next moment is durable");
        Assert.Equal(SyncKind.HashCompare, _world.Status.LastSync);
        Assert.Equal(4096, _world.Site.DataBytes - before);
    }

    [Fact]
    public void Whoever_asks_gets_a_point_of_now_and_a_thaw_that_came_too_early_makes_none()
    {
        _world.Start();
        _world.Until(() => _tap.Forgets == 1, "the first moment is durable");
        Write(5);
        var quiet = new Dictionary<string, Consistency> { ["db"] = Consistency.Application };

        var late = _world.Ask(() => _world.Source.CheckpointAsync(quiet, "late", new QuiesceNote(null),
            () => Task.FromResult(false), CancellationToken.None));
        Assert.Null(late.Point);
        Assert.Equal(ReasonCode.QuiesceFailed, late.Reason);

        var made = _world.Ask(() => _world.Source.CheckpointAsync(quiet, "mine", new QuiesceNote(null),
            () => Task.FromResult(true), CancellationToken.None));
        Assert.Equal((Consistency.Application, "mine"), (made.Point!.Consistency, made.Point.Label));
        _world.Until(() => _world.Status.LastSealed?.Id == made.Point.Id, "it is sealed");
        AssertPoints(least: 2);
    }

    [Fact]
    public void A_point_cannot_be_shared_nor_asked_for_without_a_link()
    {
        _world.Network.Partition();
        _world.Start();
        _world.For(TimeSpan.FromSeconds(1));
        var outcome = _world.Ask(() =>
            _world.Source.CheckpointAsync(Nothing, null, null, CancellationToken.None));
        Assert.Null(outcome.Point);
        var held = _world.Ask(async () =>
        {
            using var cut = await _world.Source.ReserveAsync(CancellationToken.None);
            return cut.Hold();
        });
        Assert.False(held);
    }

    [Fact]
    public void An_instance_that_does_not_run_is_told_and_waited_for()
    {
        _tap.InstanceRuns = false;
        _world.Start();
        _world.Until(() => _world.Status.Moments!.GivenUp >= 2, "it was tried");
        Assert.Equal((GroupSourcePhase.Detached, ReasonCode.CaptureLost), (_world.Status.Phase, _world.Status.Reason));
        _tap.InstanceRuns = true;
        _world.UntilStreaming();
        AssertPoints(least: 1);
        _world.Ask(() => _world.Source.StopAsync(uninstall: true, CancellationToken.None));
        Assert.True(_tap.Uninstalled);
    }

    [Fact]
    public void On_request_the_first_moment_is_taken_at_once_and_each_other_one_when_it_is_asked_for()
    {
        _world.MomentTrigger = MomentTrigger.OnRequest;
        _world.Start();
        _world.Until(() => _tap.Forgets == 1, "the first moment is durable");
        Write(20);
        _world.For(TimeSpan.FromHours(2));
        Assert.Equal(1, _tap.Forgets);
        Assert.Null(_world.Status.Moments!.Next);
        Assert.Equal(GroupSourcePhase.Streaming, _world.Status.Phase);

        var made = _world.Ask(() =>
            _world.Source.CheckpointAsync(Nothing, "consistent now", null, CancellationToken.None));
        _world.Until(() => _world.Status.LastSealed?.Id == made.Point!.Id && _tap.Forgets == 2, "it is sealed");

        // What the policy says is taken over as it runs.
        _world.Source.ChangeMoments(TimeSpan.FromSeconds(10), MomentTrigger.Periodic);
        Write(20);
        _world.Until(() => _tap.Forgets == 4, "moments come by themselves");
        AssertPoints(least: 4);
    }

    [Fact]
    public void On_shutdown_a_moment_is_taken_at_each_rest_once_whatever_happens_to_link_and_image()
    {
        (_world.MomentTrigger, _tap.ReadsAtRest) = (MomentTrigger.OnShutdown, true);
        _world.Start();
        _world.Until(() => _tap.Forgets == 1, "the first moment is durable");
        Write(20);
        _world.For(TimeSpan.FromMinutes(10));
        Assert.Equal(1, _tap.Forgets);

        _tap.BreakNext = 2;
        _tap.InstanceRuns = false;
        _world.Until(() => _tap.Forgets == 2, "the moment of the rest is durable");
        _world.For(TimeSpan.FromMinutes(10));
        Assert.Equal(2, _tap.Forgets);

        // It is started, writes and is shut down while the link is away.
        _world.Network.Partition();
        _tap.InstanceRuns = true;
        Write(20);
        _tap.InstanceRuns = false;
        _world.For(TimeSpan.FromMinutes(5));
        _world.Network.Heal();
        _world.Until(() => _tap.Forgets == 3, "that rest has a moment too");
        _world.For(TimeSpan.FromMinutes(10));
        Assert.Equal(3, _tap.Forgets);
        Assert.Equal((GroupSourcePhase.Streaming, ReasonCode.None), (_world.Status.Phase, _world.Status.Reason));
        AssertPoints(least: 3);
    }

    private void GuestWrite(int volume, int offset)
    {
        _world.Agent.Post(() => _tap.GuestWrite(volume, offset, _world.Prng.Bytes(4096)));
        _world.For(TimeSpan.FromMilliseconds(1));
    }

    private void Write(int count)
    {
        for (var i = 0; i < count; i++)
            GuestWrite(_world.Prng.Next(2), _world.Prng.Next(SourceWorld.DiskBytes / 4096) * 4096);
    }

    private void AssertPoints(int least)
    {
        var points = _world.Site.Records.Where(r => r.Header.Kind == RecordKind.Checkpoint)
            .Select(r => CheckpointPayload.TryDecode(r.Data, out var point) ? point : null)
            .OfType<RecoveryPoint>().ToList();
        Assert.True(points.Count >= least, $"{points.Count} points");
        foreach (var point in points)
        {
            var (_, content) = _tap.Taken.Last(t => (t.At - point.CutAt).Duration() < TimeSpan.FromMilliseconds(0.01));
            for (ushort volume = 0; volume < 2; volume++)
                Assert.True(content[volume].AsSpan().SequenceEqual(_world.Site.Image(volume, point.Sequence)),
                    $"volume {volume} of the point at {point.CutAt:O}");
        }
    }
}
