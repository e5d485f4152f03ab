// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Checkpoints;
using Lifeboat.Replication.Shipping;
using Xunit;

namespace Lifeboat.Tests.Replication;

public sealed class GroupSourceTests
{
    private static readonly Dictionary<string, Consistency> Nothing = [];
    private readonly SourceWorld _world = new();

    [Fact]
    public void A_first_sync_moves_what_is_allocated_and_forgets_the_gap_when_it_is_durable()
    {
        _world.Start();
        _world.Until(() => _world.Taps[0].Mirroring, "the taps are attached");
        _world.Write(50);
        _world.UntilStreaming();
        _world.UntilEqual();

        var status = _world.Status;
        var allocated = _world.Taps.Sum(t => (long)Blocks(t.Disk) * 4096);
        Assert.Equal(SyncKind.Allocation, status.LastSync);
        Assert.InRange(status.SyncMovedBytes, 1, allocated);
        Assert.All(_world.Taps, t => Assert.Equal(1, t.Forgets));
        Assert.Equal((ReasonCode.None, true, 2L), (status.Reason, status.Connected, status.Attaches));
    }

    [Fact]
    public void A_lost_connection_is_resumed_from_the_outbox_without_a_batch()
    {
        _world.Start();
        _world.UntilStreaming();
        for (var i = 0; i < 20; i++)
        {
            _world.Write(20);
            if (i % 4 == 0) _world.Network.BreakAll();
            _world.For(TimeSpan.FromMilliseconds(300));
        }
        _world.UntilEqual();
        Assert.Equal(1, _world.Site.Streams);
        Assert.InRange(_world.Site.Hellos, 3, 100);
        Assert.All(_world.Taps, t => Assert.Equal(1, t.Attaches));
        Assert.Equal(SyncKind.Replay, _world.Status.LastSync);
    }

    [Fact]
    public void A_dead_peer_is_noticed_although_nobody_says_so()
    {
        _world.Start();
        _world.UntilStreaming();
        _world.Network.Partition();
        _world.Until(() => !_world.Status.Connected, "the silence is noticed");
        Assert.Equal((GroupSourcePhase.Streaming, ReasonCode.LinkDown), (_world.Status.Phase, _world.Status.Reason));
        _world.Network.Heal();
        _world.Until(() => _world.Status.Connected, "the link is back");
        Assert.Equal(ReasonCode.None, _world.Status.Reason);
    }

    [Fact]
    public void A_full_outbox_lets_go_and_the_change_map_brings_the_rest()
    {
        _world.Start();
        _world.UntilStreaming();
        _world.UntilEqual();
        _world.For(TimeSpan.FromSeconds(4));
        _world.Network.Partition();
        _world.For(TimeSpan.FromSeconds(1));
        for (var i = 0; i < 40; i++) _world.Write(40);
        _world.Until(() => _world.Status.Reason == ReasonCode.OutboxFull, "capture is given up");
        Assert.DoesNotContain(_world.Taps, t => t.Mirroring);
        _world.Write(10);
        var lag = _world.Status.Lag;
        Assert.InRange(lag, TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1));

        _world.Network.Heal();
        _world.UntilStreaming();
        _world.UntilEqual();
        Assert.Equal(SyncKind.ChangeMap, _world.Status.LastSync);
        Assert.Equal(2, _world.Site.Streams);
        // Every block of both disks was surely written: no more than them.
        Assert.InRange(_world.Status.SyncMovedBytes, 1, 2 * SourceWorld.DiskBytes);
    }

    [Fact]
    public void An_agent_that_was_killed_sends_only_what_changed()
    {
        _world.Start();
        _world.UntilStreaming();
        _world.UntilEqual();
        _world.Write(10);
        _world.RestartAgent();
        _world.Write(20);
        var before = _world.Site.DataBytes;
        _world.UntilStreaming();
        _world.UntilEqual();

        Assert.Equal(SyncKind.ChangeMap, _world.Status.LastSync);
        Assert.InRange(_world.Site.DataBytes - before, 1, 30 * 4096);
        Assert.InRange(_world.Status.SyncMovedBytes, 1, 30 * 4096);
    }

    [Fact]
    public void A_gap_that_could_not_be_forgotten_is_forgotten_later_and_not_sent_again()
    {
        foreach (var tap in _world.Taps) tap.ForgetsToFail = 2;
        _world.Start();
        _world.UntilStreaming();
        _world.UntilEqual();
        Assert.All(_world.Taps, t => Assert.Equal(0, t.Forgets));
        _world.Until(() => Array.TrueForAll(_world.Taps, t => t.Forgets > 0), "it is tried again");
        _world.Write(10);
        var before = _world.Site.DataBytes;
        _world.RestartAgent();
        _world.UntilStreaming();
        _world.UntilEqual();

        // Of a first sync all of the disk would come again.
        Assert.Equal(SyncKind.ChangeMap, _world.Status.LastSync);
        Assert.InRange(_world.Site.DataBytes - before, 1, 20 * 4096);
    }

    [Fact]
    public void Small_places_of_a_gap_are_read_together_and_near_ones_asked_about_with_one_question()
    {
        _world.Start();
        _world.UntilStreaming();
        _world.UntilEqual();
        _world.Agent.Kill();
        foreach (var tap in _world.Taps) tap.LetGo();
        for (var at = 0; at < SourceWorld.DiskBytes; at += 128 << 10)
            _world.Taps[0].GuestWrite(at, _world.Prng.Bytes(4096));
        var asked = _world.Site.DigestRequests;
        _world.Taps[0].ReadsAtOnce = 0;
        _world.RestartAgent();
        _world.UntilStreaming();
        _world.UntilEqual();

        Assert.Equal(SyncKind.ChangeMap, _world.Status.LastSync);
        Assert.Equal(1, _world.Site.DigestRequests - asked);
        Assert.Equal(SourceWorld.DiskBytes / (128 << 10), _world.Taps[0].ReadsAtOnce);
        Assert.Equal(SourceWorld.DiskBytes / 32, _world.Status.SyncMovedBytes);
    }

    [Fact]
    public void An_instance_that_was_restarted_is_compared_by_hash()
    {
        _world.Start();
        _world.UntilStreaming();
        _world.UntilEqual();
        foreach (var tap in _world.Taps) tap.Restart();
        _world.Taps[1].GuestWrite(40960, _world.Prng.Bytes(4096));
        _world.Taps[1].GuestWrite(SourceWorld.DiskBytes - 4096, new byte[4096]);
        _world.UntilStreaming();
        _world.UntilEqual();

        Assert.Equal(SyncKind.HashCompare, _world.Status.LastSync);
        Assert.InRange(_world.Status.SyncMovedBytes, 4096, 2 * 4096);
        Assert.Equal(1, _world.Site.Streams);
    }

    [Fact]
    public void A_seeded_replica_is_compared_by_hash_from_the_start()
    {
        _world.Site = new ScriptedRecoverySite([.. _world.Taps.Select(t => t.Disk.ToArray())]) { Seeded = true };
        _world.Taps[0].GuestWrite(0, _world.Prng.Bytes(8192));
        _world.Start();
        _world.UntilStreaming();
        _world.UntilEqual();
        Assert.Equal(SyncKind.HashCompare, _world.Status.LastSync);
        Assert.Equal(8192, _world.Status.SyncMovedBytes);
    }

    [Fact]
    public void A_replica_restored_from_an_older_copy_is_compared_by_hash_although_a_map_exists()
    {
        _world.Start();
        _world.UntilStreaming();
        _world.UntilEqual();
        var old = _world.Site.Durable;
        _world.Write(100);
        _world.For(TimeSpan.FromSeconds(8)); // the maps were rotated since: they know nothing of these writes
        _world.Site.RestoreTo(old);
        _world.Network.BreakAll();
        _world.Until(() => _world.Site.Streams == 2, "a new stream begins");
        _world.UntilStreaming();
        _world.UntilEqual();
        Assert.Equal(SyncKind.HashCompare, _world.Status.LastSync);
    }

    [Fact]
    public void A_point_that_the_recovery_site_has_lost_is_not_told_as_sealed_any_more()
    {
        _world.Start();
        _world.UntilStreaming();
        var before = _world.Site.Durable;
        _world.Until(() => _world.Status.LastSealed?.Sequence > before, "a point is sealed");
        _world.Site.RestoreTo(before);
        var left = _world.Site.Sealed;
        _world.Network.BreakAll();
        _world.Until(() => _world.Site.Streams == 2, "a new stream begins");
        Assert.True((_world.Status.LastSealed?.Sequence ?? 0) <= left);
        _world.Until(() => _world.Status.LastSealed?.Sequence > left, "another point is sealed");
    }

    [Fact]
    public void An_old_epoch_ends_capture_for_good()
    {
        _world.Start();
        _world.UntilStreaming();
        _world.Site.Epoch = new Epoch(4);
        _world.Write(1);
        _world.Until(() => _world.Status.Phase == GroupSourcePhase.Fenced, "the source is fenced");
        Assert.Equal(ReasonCode.StaleEpoch, _world.Status.Reason);
        Assert.DoesNotContain(_world.Taps, t => t.Mirroring);
        var hellos = _world.Site.Hellos;
        _world.Write(5);
        _world.For(TimeSpan.FromMinutes(1));
        Assert.Equal(hellos, _world.Site.Hellos);
        Assert.Equal(GroupSourcePhase.Fenced, _world.Status.Phase);
    }

    [Fact]
    public void A_full_recovery_site_lets_the_disks_go_and_capture_comes_back()
    {
        _world.Start();
        _world.UntilStreaming();
        _world.Site.Refusal = ReasonCode.TargetFull;
        _world.Write(10);
        _world.Until(() => _world.Status.Reason == ReasonCode.TargetFull, "the refusal is heard");
        Assert.Equal(GroupSourcePhase.Detached, _world.Status.Phase);
        Assert.DoesNotContain(_world.Taps, t => t.Mirroring);
        _world.Write(10);
        _world.Site.Refusal = null;
        _world.UntilStreaming();
        _world.UntilEqual();
    }

    [Fact]
    public void When_one_mirror_ends_only_that_volume_is_attached_again_and_no_point_is_cut_meanwhile()
    {
        _world.Start();
        _world.UntilStreaming();
        _world.Taps[1].InstanceRuns = false;
        _world.Taps[1].End(TapEnd.MirrorFailed);
        var point = _world.Ask(() => _world.Source.CheckpointAsync(Nothing, null, null, default));
        Assert.Null(point.Point);
        _world.Write(20, volume: 0);
        _world.Write(20, volume: 1);
        _world.For(TimeSpan.FromSeconds(3));
        Assert.Equal(GroupSourcePhase.Detached, _world.Status.Phase);
        _world.Taps[1].InstanceRuns = true;
        _world.UntilStreaming();
        _world.UntilEqual();

        Assert.Equal((1, 2), (_world.Taps[0].Attaches, _world.Taps[1].Attaches));
        Assert.Equal(1, _world.Site.Streams);
        Assert.Equal(SyncKind.ChangeMap, _world.Status.LastSync);
    }

    [Fact]
    public void The_batch_of_one_volume_does_not_forget_what_another_has_missed_unheard()
    {
        _world.Start();
        _world.UntilStreaming();
        var broken = _world.Taps[0];
        _world.Write(1, volume: 0);
        _world.Until(() => broken.Rotations == 1, "the maps are rotated");
        _world.Write(1, volume: 0);
        _world.For(TimeSpan.FromSeconds(1)); // a point is sealed meanwhile, so another rotation will be due
        broken.SilentlyBroken = true;
        _world.Write(10, volume: 0);
        _world.For(TimeSpan.FromSeconds(5)); // it is tried, and must fail
        Assert.Equal(1, broken.Rotations);
        _world.Taps[1].End(TapEnd.MirrorFailed);
        _world.Until(() => _world.Taps[1].Forgets == 2, "the other volume's gap is durable");
        broken.End(TapEnd.MirrorFailed);
        _world.Until(() => _world.Status is { Phase: GroupSourcePhase.Streaming, Attaches: 4 }, "all is captured");
        _world.UntilEqual();
    }

    [Fact]
    public void A_first_sync_of_a_volume_that_could_not_be_attached_at_first_is_by_allocation_too()
    {
        _world.Taps[1].InstanceRuns = false;
        _world.Start();
        _world.Until(() => _world.Taps[0].Mirroring && _world.Status.Phase == GroupSourcePhase.Detached, "one waits");
        _world.Write(20, volume: 0);
        _world.Taps[1].InstanceRuns = true;
        _world.UntilStreaming();
        _world.UntilEqual();
        Assert.Equal(SyncKind.Allocation, _world.Status.LastSync);
    }

    /// <summary>
    /// Found by the simulation: nothing was written since the stream began, points were sealed and folded to, and the
    /// resync asked for ever of a sequence that was history.
    /// </summary>
    [Fact]
    public void A_resync_compares_with_the_newest_sequence_and_not_with_where_the_stream_began()
    {
        _world.Start();
        _world.UntilStreaming();
        _world.RestartAgent();
        _world.UntilStreaming();
        _world.For(TimeSpan.FromSeconds(5));
        var before = _world.Status.DurableSequence;
        foreach (var tap in _world.Taps) tap.Restart();

        _world.Until(() => _world.Site.OldestDigested < long.MaxValue && _world.Status.Attaches >= 4, "it compares");
        _world.UntilStreaming();

        Assert.True(_world.Site.OldestDigested >= before, $"{_world.Site.OldestDigested} is before {before}");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Stopping_detaches_and_uninstalling_leaves_nothing(bool uninstall)
    {
        _world.Start();
        _world.UntilStreaming();
        Assert.Empty(_world.Ask(() => _world.Source.StopAsync(uninstall, default)));
        Assert.Equal(GroupSourcePhase.Stopped, _world.Status.Phase);
        Assert.DoesNotContain(_world.Taps, t => t.Mirroring);
        Assert.All(_world.Taps, t => Assert.Equal(uninstall, t.Uninstalled));
        Assert.Empty(_world.Ask(() => _world.Source.StopAsync(uninstall, default)));
    }

    [Fact]
    public void The_rate_cap_is_kept()
    {
        _world.Policy = _world.Policy with { ShipBytesPerSecond = 64 << 10 };
        _world.Start();
        _world.For(TimeSpan.FromSeconds(5));
        Assert.InRange(_world.Status.ShippedBytes, 64 << 10, (5 * 64 << 10) + (300 << 10));
    }

    [Fact]
    public void Acks_of_another_stream_or_of_the_future_free_nothing()
    {
        _world.Start();
        _world.UntilStreaming();
        _world.Site.HoldAcks = true;
        _world.Write(10);
        _world.For(TimeSpan.FromSeconds(2));
        Assert.InRange(_world.Status.OutboxBytes, 10 * 4096, 4 << 20);
        Assert.InRange(_world.Status.Lag, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10));
        _world.Site.HoldAcks = false;
        _world.Write(1);
        _world.Until(() => _world.Status.OutboxBytes == 0, "everything is durable");
        Assert.Equal(TimeSpan.Zero, _world.Status.Lag);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Through_everything_that_breaks_every_point_is_a_moment_of_both_disks(ulong seed)
    {
        var world = new SourceWorld(seed);
        world.Start();
        var moments = new Dictionary<long, byte[][]>();
        for (var round = 0; round < 60; round++)
        {
            world.Write(world.Prng.Next(1, 30));
            world.For(TimeSpan.FromMilliseconds(world.Prng.Next(1, 400)));
            switch (world.Prng.Next(12))
            {
                case 0: world.Network.BreakAll(); break;
                case 1: world.RestartAgent(); break;
                case 2: world.Taps[world.Prng.Next(2)].End(TapEnd.MirrorFailed); break;
                case 3: world.Taps[world.Prng.Next(2)].Restart(); break;
                case 4: for (var i = 0; i < 30; i++) world.Write(50); break;
                case 5: Point(world, moments); break;
            }
        }
        world.UntilStreaming();
        world.UntilEqual();
        Point(world, moments);
        world.Until(() => world.Status.OutboxBytes == 0, "everything is durable");
        var kept = world.Site.Records.Where(r => r.Header.Kind == RecordKind.Checkpoint && r.Header.Flags == 0)
            .Select(r => CheckpointPayload.TryDecode(r.Data, out var p) ? p! : throw new InvalidOperationException());
        var proved = kept.Where(p => moments.ContainsKey(p.Sequence) && p.Label == "proof").ToList();
        Assert.NotEmpty(proved);
        Assert.All(proved, p => Assert.All(new ushort[] { 0, 1 }, v =>
            Assert.True(world.Site.Image(v, p.Sequence).AsSpan().SequenceEqual(moments[p.Sequence][v]))));
    }

    private static void Point(SourceWorld world, Dictionary<long, byte[][]> moments)
    {
        // The guest writes nothing between the copy and the cut.
        var copy = world.Taps.Select(t => t.Disk.ToArray()).ToArray();
        var cut = world.Ask(() => world.Source.CheckpointAsync(Nothing, "proof", null, default));
        if (cut.Point is { } point) moments[point.Sequence] = copy;
    }

    private static int Blocks(byte[] disk) =>
        Enumerable.Range(0, disk.Length / 4096).Count(b => disk.AsSpan(b * 4096, 4096).ContainsAnyExcept((byte)0));
}
