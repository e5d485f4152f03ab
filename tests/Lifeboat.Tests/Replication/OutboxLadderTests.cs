// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Shipping;
using Lifeboat.Testing.Storage;
using Xunit;

namespace Lifeboat.Tests.Replication;

/// <summary>Memory, log, change map and back: what an outage or an operator makes of the outbox.</summary>
public sealed class OutboxLadderTests
{
    private static readonly Dictionary<string, Consistency> Nothing = [];
    private readonly SourceWorld _world = new();
    private readonly List<(RecoveryPoint Point, byte[][] Disks)> _cut = [];

    public OutboxLadderTests()
    {
        _world.HasLog = true;
        _world.Policy = _world.Policy with { CheckpointInterval = TimeSpan.FromHours(1), OutboxLogBytes = 64 << 20 };
    }

    [Fact]
    public void An_outage_that_the_memory_cannot_hold_goes_to_the_log_and_every_point_is_sealed()
    {
        Stream();
        _world.Network.Partition();
        WriteAndCut(20 << 20);
        _world.Until(() => !_world.Status.Connected, "the silence is noticed");
        Assert.Equal((OutboxRung.Log, ReasonCode.LinkDown), (_world.Status.Outbox.Rung, _world.Status.Outbox.Reason));
        Assert.InRange(_world.Status.Outbox.LogBytes, 16 << 20, 24 << 20);
        Assert.InRange(_world.Status.Outbox.MemoryBytes, 0, 4 << 20);
        Assert.True(_world.Status.Lag > TimeSpan.FromMilliseconds(1));

        _world.Network.Heal();
        _world.UntilEqual();

        AllAreSealed();
        Assert.Equal(1, _world.Site.Streams);
        Assert.All(_world.Taps, t => Assert.Equal(1, t.Attaches));
        Assert.Equal((SyncKind.Replay, 0L), (_world.Status.LastSync, _world.Status.SyncMovedBytes));
        _world.Until(() => _world.Status.Outbox.Rung == OutboxRung.Memory, "it is back in memory");
        Assert.InRange(_world.LogDisk.AllocatedBytes, 0, 4096); // nothing but its head is left
    }

    [Fact]
    public void The_log_is_trimmed_while_it_is_sent_and_filled_at_once()
    {
        Stream();
        _world.Network.Partition();
        WriteAndCut(24 << 20);
        var most = _world.LogDisk.AllocatedBytes;
        _world.Network.BytesPerSecond = 4 << 20;
        _world.Network.Heal();
        for (var i = 0; i < 6; i++)
        {
            _world.For(TimeSpan.FromSeconds(1));
            WriteAndCut(1 << 20);
        }
        Assert.InRange(_world.LogDisk.AllocatedBytes, 1, most - (8 << 20));
        _world.UntilEqual();
        AllAreSealed();
        Assert.Equal(1, _world.Site.Streams);
    }

    [Fact]
    public void A_connection_that_breaks_again_and_again_loses_nothing_of_the_log()
    {
        Stream();
        _world.Network.Partition();
        WriteAndCut(12 << 20);
        _world.Network.BytesPerSecond = 6 << 20;
        _world.Network.Heal();
        for (var i = 0; i < 30; i++)
        {
            _world.For(TimeSpan.FromMilliseconds(100 + _world.Prng.Next(600)));
            _world.Network.BreakAll();
            if (i % 3 == 0) WriteAndCut(256 << 10);
        }
        _world.UntilEqual();
        AllAreSealed();
        Assert.Equal(1, _world.Site.Streams);
        Assert.InRange(_world.Site.Hellos, 10, 100);
    }

    [Fact]
    public void A_full_log_gives_capture_up_and_what_it_has_is_sent_before_the_change_map()
    {
        _world.Policy = _world.Policy with { OutboxLogBytes = 8 << 20 };
        Stream();
        _world.Network.Partition();
        for (var i = 0; i < 64 && _world.Taps[0].Mirroring; i++) WriteAndCut(256 << 10);
        Assert.DoesNotContain(_world.Taps, t => t.Mirroring);
        var given = _world.Status;
        Assert.Equal((GroupSourcePhase.Detached, ReasonCode.OutboxLogFull), (given.Phase, given.Reason));
        Assert.Equal(OutboxRung.ChangeMap, given.Outbox.Rung);
        _world.Write(10);

        _world.Network.Heal();
        _world.UntilStreaming();
        _world.UntilEqual();

        Assert.Equal(SyncKind.ChangeMap, _world.Status.LastSync);
        Assert.Equal(2, _world.Site.Streams);
        // 8 MiB of some 12: those points are there, the later ones were lost with the memory.
        TheFirstHalfAtLeastIsKept();
    }

    [Fact]
    public void A_killed_agent_sends_what_its_log_kept_and_then_the_change_map()
    {
        Stream();
        _world.Network.Partition();
        WriteAndCut(12 << 20);
        _world.RestartAgent();
        _world.Write(10);
        _world.Network.Heal();
        _world.UntilStreaming();
        _world.UntilEqual();

        Assert.Equal(SyncKind.ChangeMap, _world.Status.LastSync);
        Assert.Equal(2, _world.Site.Streams);
        TheFirstHalfAtLeastIsKept();
        Assert.Contains(_world.Site.Records, r => r.Header.Flags.HasFlag(RecordFlags.Pulled));
    }

    [Fact]
    public void A_log_is_not_sent_to_a_replica_that_has_gone_on_or_is_another()
    {
        Stream();
        _world.Network.Partition();
        WriteAndCut(12 << 20);
        _world.RestartAgent();
        _world.Site.ReplicaId = Guid.NewGuid();
        _world.Network.Heal();
        _world.UntilStreaming();
        _world.UntilEqual();
        Assert.Equal(SyncKind.HashCompare, _world.Status.LastSync);
        Assert.DoesNotContain(_cut, c => IsSealed(c.Point));
    }

    [Fact]
    public void A_log_that_cannot_be_written_ends_with_the_change_map_and_never_holds_a_guest_up()
    {
        Stream();
        _world.LogDisk.Faults = o => o.Verb == DiskVerb.Write ? StorageFault.Io : null;
        _world.Network.Partition();
        for (var i = 0; i < 64 && _world.Taps[0].Mirroring; i++) WriteAndCut(256 << 10);
        Assert.Equal((GroupSourcePhase.Detached, ReasonCode.OutboxLogFailed),
            (_world.Status.Phase, _world.Status.Reason));
        _world.LogDisk.Faults = static _ => null;
        _world.Network.Heal();
        _world.UntilStreaming();
        _world.UntilEqual();

        _world.Network.Partition();
        _cut.Clear();
        WriteAndCut(12 << 20);
        _world.Network.Heal();
        _world.UntilEqual();
        AllAreSealed();
    }

    [Fact]
    public void A_full_disk_is_no_room_and_is_tried_again()
    {
        Stream();
        _world.LogDisk.CapacityBytes = 6 << 20;
        _world.Network.Partition();
        WriteAndCut(7 << 20);
        _world.Until(() => _world.Log.ToString()!.Contains("OutboxLogFull", StringComparison.Ordinal), "it is full");
        Assert.True(_world.Taps[0].Mirroring);
        _world.LogDisk.CapacityBytes = long.MaxValue;
        _world.For(TimeSpan.FromSeconds(3));
        WriteAndCut(9 << 20);
        _world.Network.Heal();
        _world.UntilEqual();
        AllAreSealed();
        Assert.Equal(1, _world.Site.Streams);
    }

    [Fact]
    public void A_log_that_cannot_be_read_is_given_up_for_good()
    {
        Stream();
        _world.Network.Partition();
        WriteAndCut(12 << 20);
        _world.LogDisk.Faults = o => o is { Verb: DiskVerb.Read, Length: > 4096 } ? StorageFault.Io : null;
        _world.Network.Heal();
        _world.UntilStreaming();
        _world.Until(() => _world.Site.Streams == 2, "a new stream begins");
        _world.UntilStreaming();
        _world.UntilEqual();
        Assert.Equal(SyncKind.ChangeMap, _world.Status.LastSync);
    }

    [Fact]
    public void A_suspended_group_goes_to_the_log_at_once_and_keeps_its_points()
    {
        Stream();
        _world.For(TimeSpan.FromSeconds(1));
        var before = _world.Site.Durable;
        Suspend(TimeSpan.FromHours(2));
        _world.Until(() => !_world.Status.Connected, "the session ends");
        WriteAndCut(512 << 10);
        _world.For(TimeSpan.FromSeconds(2));
        var status = _world.Status;
        Assert.Equal((OutboxRung.Log, ReasonCode.SuspendedByOperator), (status.Outbox.Rung, status.Outbox.Reason));
        Assert.Equal(0, status.Outbox.MemoryBytes);
        Assert.Equal((GroupSourcePhase.Streaming, ReasonCode.SuspendedByOperator, "works on the link"),
            (status.Phase, status.Reason, status.Detail));
        Assert.True(status.Lag >= TimeSpan.FromSeconds(2));
        _world.For(TimeSpan.FromMinutes(1));
        Assert.Equal(before, _world.Site.Durable);

        _world.Agent.Post(() => _world.Source.Suspend(null));
        _world.UntilEqual();
        AllAreSealed();
        Assert.Equal((null, ReasonCode.None), (_world.Status.Suspension, _world.Status.Reason));
        Assert.Equal(1, _world.Site.Streams);
    }

    /// <summary>A broken engine would log the checkpoint before anybody knows that it is none.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_checkpoint_that_was_withdrawn_while_suspended_is_no_point_later(bool broken)
    {
        if (broken) _world.Flaws = new EngineFlaws { SpillUnconfirmed = true };
        Stream();
        Suspend(TimeSpan.FromHours(1));
        _world.Until(() => !_world.Status.Connected, "the session ends");
        _world.Taps[0].SilentlyBroken = true;
        _world.Write(1, volume: 0);
        _world.Write(1, volume: 1);
        _world.Taps[0].BeforeLook = () => _world.Agent.Clock.DelayAsync(TimeSpan.FromSeconds(1));
        var cut = _world.Ask(() => _world.Source.CheckpointAsync(Nothing, null, null, default));
        Assert.Null(cut.Point);
        _world.Taps[0].BeforeLook = null;
        _world.Taps[0].End(TapEnd.MirrorFailed);
        _world.Agent.Post(() => _world.Source.Suspend(null));
        _world.UntilStreaming();
        _world.UntilEqual();
        Assert.Equal(broken, _world.Site.Records.Exists(r => r.Header.Kind == RecordKind.Checkpoint
            && !r.Header.Flags.HasFlag(RecordFlags.Withdrawn)));
    }

    [Fact]
    public void A_suspension_ends_by_itself()
    {
        Stream();
        Suspend(TimeSpan.FromSeconds(90));
        WriteAndCut(256 << 10);
        _world.For(TimeSpan.FromSeconds(85));
        Assert.NotNull(_world.Status.Suspension);
        _world.Until(() => _world.Status is { Connected: true, Suspension: null }, "it resumes");
        _world.UntilEqual();
        AllAreSealed();
    }

    [Fact]
    public void An_agent_that_starts_suspended_waits_and_then_sends_log_and_map()
    {
        Stream();
        Suspend(TimeSpan.FromSeconds(60));
        WriteAndCut(512 << 10);
        _world.For(TimeSpan.FromSeconds(2));
        _world.Suspension = _world.Status.Suspension;
        _world.RestartAgent();
        _world.Write(10);
        var hellos = _world.Site.Hellos;
        _world.For(TimeSpan.FromSeconds(20));
        Assert.Equal(hellos, _world.Site.Hellos);
        Assert.Equal(OutboxRung.ChangeMap, _world.Status.Outbox.Rung);

        _world.UntilStreaming();
        _world.UntilEqual();
        AllAreSealed();
        Assert.Equal((SyncKind.ChangeMap, 2), (_world.Status.LastSync, _world.Site.Streams));
    }

    [Fact]
    public void Points_of_a_long_outage_are_cut_less_often_but_never_stop()
    {
        _world.Policy = _world.Policy with { CheckpointInterval = TimeSpan.FromMilliseconds(100) };
        Stream();
        _world.Network.Partition();
        _world.For(TimeSpan.FromMinutes(2));
        var cut = _world.Status.CapturedSequence;
        _world.For(TimeSpan.FromSeconds(30));
        var more = _world.Status.CapturedSequence - cut;
        Assert.InRange(more, 30 * 2, 30 * 8);
        _world.Network.Heal();
        _world.Until(() => _world.Status.LastSealed?.Sequence >= cut + more, "they are sealed");
    }

    private void Stream()
    {
        _world.Start();
        _world.UntilStreaming();
        _world.UntilEqual();
    }

    private void Suspend(TimeSpan length) => _world.Agent.Post(() =>
    {
        var now = _world.Agent.Clock.GetUtcNow();
        _world.Source.Suspend(new Suspension("works on the link", now, now + length));
    });

    /// <summary>Guest writes with a point now and then, of which the disks are remembered.</summary>
    private void WriteAndCut(int bytes)
    {
        for (var written = 0; written < bytes; written += 256 << 10)
        {
            _world.Write(64);
            _world.For(TimeSpan.FromMilliseconds(30));
            var disks = _world.Taps.Select(t => t.Disk.ToArray()).ToArray();
            var cut = _world.Ask(() => _world.Source.CheckpointAsync(Nothing, null, null, default));
            if (cut.Point is { } point) _cut.Add((point, disks));
        }
    }

    private bool IsSealed(RecoveryPoint point) => _world.Site.Records.Exists(r => r.Header.Kind == RecordKind.Checkpoint
        && CheckpointPayload.TryDecode(r.Data, out var there) && there!.Id == point.Id);

    private void Same((RecoveryPoint Point, byte[][] Disks) cut)
    {
        for (ushort v = 0; v < 2; v++)
            Assert.True(_world.Site.Image(v, cut.Point.Sequence).AsSpan().SequenceEqual(cut.Disks[v]));
    }

    private void TheFirstHalfAtLeastIsKept()
    {
        var kept = _cut.Count(c => IsSealed(c.Point));
        Assert.InRange(kept, _cut.Count / 2, _cut.Count - 1);
        Assert.All(_cut.Take(kept), c => Same(c));
    }

    private void AllAreSealed()
    {
        Assert.NotEmpty(_cut);
        _world.Until(() => IsSealed(_cut[^1].Point), "the last point is sealed");
        Assert.All(_cut, c => Assert.True(IsSealed(c.Point)));
        foreach (var cut in _cut.Where((_, i) => i % 7 == 0).Append(_cut[^1])) Same(cut);
    }
}
