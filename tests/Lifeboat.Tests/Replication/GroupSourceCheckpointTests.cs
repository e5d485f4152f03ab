// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Checkpoints;
using Lifeboat.Replication.Shipping;
using Xunit;

namespace Lifeboat.Tests.Replication;

public sealed class GroupSourceCheckpointTests
{
    private static readonly Dictionary<string, Consistency> Nothing = [];
    private readonly SourceWorld _world = new();

    [Fact]
    public void Checkpoints_are_sealed_and_maps_rotated_in_the_steady_state()
    {
        _world.Start();
        _world.UntilStreaming();
        for (var i = 0; i < 40; i++)
        {
            _world.Write(5);
            _world.For(TimeSpan.FromMilliseconds(200));
        }
        Assert.NotNull(_world.Status.LastSealed);
        Assert.All(_world.Taps, t => Assert.InRange(t.Rotations, 2, 6));
        Assert.InRange(_world.Site.Records.Count(r => r.Header.Kind == RecordKind.Checkpoint), 10, 20);
    }

    [Fact]
    public void A_checkpoint_holds_every_write_before_it_and_none_after()
    {
        _world.Start();
        _world.UntilStreaming();
        _world.Write(30);
        var before = _world.Taps.Select(t => t.Disk.ToArray()).ToArray();
        var outcome = _world.Ask(() => _world.Source.CheckpointAsync(Nothing, "mine", null, default));
        _world.Write(30);
        Assert.Equal(ReasonCode.None, outcome.Reason);
        var fate = _world.Ask(() => _world.Source.WaitSealedAsync(outcome.Point!.Id, TimeSpan.FromSeconds(5), default));

        Assert.Equal(PointFate.Sealed, fate);
        for (ushort v = 0; v < 2; v++)
            Assert.True(_world.Site.Image(v, outcome.Point!.Sequence).AsSpan().SequenceEqual(before[v]));
    }

    [Fact]
    public void A_checkpoint_is_withdrawn_when_a_mirror_had_failed_unheard()
    {
        _world.Start();
        _world.UntilStreaming();
        _world.Taps[0].SilentlyBroken = true;
        _world.Write(1, volume: 0); // acknowledged to the guest, never seen by us
        _world.Write(1, volume: 1); // may depend on it
        var cut = _world.Ask(() => _world.Source.CheckpointAsync(Nothing, null, null, default));
        Assert.Equal((null, ReasonCode.CaptureLost), (cut.Point, cut.Reason));
        _world.Taps[0].End(TapEnd.MirrorFailed);
        _world.UntilStreaming();
        _world.UntilEqual();
        Assert.Contains(_world.Site.Records, r => r.Header.Flags.HasFlag(RecordFlags.Withdrawn));
    }

    [Fact]
    public void A_mirror_that_was_attached_again_after_the_cut_confirms_nothing()
    {
        _world.Start();
        _world.UntilStreaming();
        var tap = _world.Taps[0];
        tap.SilentlyBroken = true;
        _world.Write(1, volume: 0);
        _world.Write(1, volume: 1);
        tap.BeforeLook = async () =>
        {
            tap.BeforeLook = null;
            tap.End(TapEnd.MirrorFailed);
            while (tap.Attaches < 2) await _world.Agent.Clock.DelayAsync(TimeSpan.FromMilliseconds(1));
        };
        var cut = _world.Ask(() => _world.Source.CheckpointAsync(Nothing, null, null, default));
        Assert.Equal((null, ReasonCode.CaptureLost), (cut.Point, cut.Reason));
        _world.UntilStreaming();
        _world.UntilEqual();
    }

    [Fact]
    public void A_clean_shutdown_is_cut_after_the_instance_has_ended()
    {
        _world.Start();
        _world.UntilStreaming();
        _world.Write(10);
        foreach (var tap in _world.Taps)
        {
            tap.InstanceRuns = false;
            tap.End(TapEnd.InstanceGone);
        }
        var clean = new Dictionary<string, Consistency> { ["db"] = Consistency.CleanShutdown };
        var cut = _world.Ask(() => _world.Source.CheckpointAsync(clean, null, null, default));
        Assert.Equal(ReasonCode.None, cut.Reason);
        Assert.Equal(Consistency.CleanShutdown, cut.Point!.Consistency);
        Assert.True(_world.Ask(() => _world.Source.DrainAsync(default)));
        var fate = _world.Ask(() => _world.Source.WaitSealedAsync(cut.Point.Id, TimeSpan.FromSeconds(5), default));
        Assert.Equal(PointFate.Sealed, fate);
        for (ushort v = 0; v < 2; v++)
            Assert.True(_world.Site.Image(v, cut.Point.Sequence).AsSpan().SequenceEqual(_world.Taps[v].Disk));
    }

    /// <summary>Found by the simulation: it ended whole, booted while the link was down, and ended again.</summary>
    [Fact]
    public void No_clean_shutdown_is_cut_of_an_instance_that_ran_again_unseen()
    {
        _world.Start();
        _world.UntilStreaming();
        _world.Network.Partition();
        foreach (var tap in _world.Taps)
        {
            tap.InstanceRuns = false;
            tap.End(TapEnd.InstanceGone);
        }
        _world.For(TimeSpan.FromSeconds(1));
        foreach (var tap in _world.Taps) tap.InstanceRuns = true;
        _world.Write(10);
        _world.For(TimeSpan.FromSeconds(1));
        foreach (var tap in _world.Taps) tap.InstanceRuns = false;

        var clean = new Dictionary<string, Consistency> { ["db"] = Consistency.CleanShutdown };
        var cut = _world.Ask(() => _world.Source.CheckpointAsync(clean, null, null, default));

        Assert.Null(cut.Point);
        Assert.NotEqual(ReasonCode.None, cut.Reason);
    }
}
