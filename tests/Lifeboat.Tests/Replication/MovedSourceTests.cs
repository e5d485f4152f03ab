// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Replication;
using Lifeboat.Replication.Shipping;

namespace Lifeboat.Tests.Replication;

/// <summary>The source of a group goes on at another agent, and the one it was taken from comes back.</summary>
public sealed class MovedSourceTests
{
    private readonly SourceWorld _world = new(5);
    private readonly RecoveryHost _host;

    public MovedSourceTests()
    {
        _host = new RecoveryHost(_world);
        _host.Start();
        _world.Start();
        _world.UntilStreaming();
        _world.Until(() => _world.Status.LastSealed is not null, "a point is sealed");
    }

    [Fact]
    public void One_that_was_handed_over_goes_on_by_the_change_maps()
    {
        _world.Write(30);
        Assert.Empty(_world.Ask(() => _world.Source.StopAsync(uninstall: false, default)));
        for (var i = 0; i < 5; i++) _world.Taps[0].GuestWrite(i * 65536, _world.Prng.Bytes(4096));
        _world.MoveToAnotherAgent();

        _world.Until(() => _world.Status is { Phase: GroupSourcePhase.Resyncing, Reason: ReasonCode.Migrated },
            "it says why it resyncs");
        _world.UntilStreaming();
        Assert.Equal(SyncKind.ChangeMap, _world.Status.LastSync);
        Assert.InRange(_world.Status.SyncMovedBytes, 5 * 4096, 40 * 4096);
        Assert.Equal(1, _host.Replica.Moves);
        ReplicaReceiverTests.Prove(_world, _host);
    }

    [Fact]
    public void The_agent_that_it_was_taken_from_is_refused_whenever_it_comes_back()
    {
        var stale = Leave();
        _world.Until(() => stale.Snapshot().Phase == GroupSourcePhase.Fenced, "the former source is fenced");
        Assert.Equal(ReasonCode.Migrated, stale.Snapshot().Reason);
        Assert.InRange(_host.Receiver.Snapshot().RefusedFrames, 1, 2);
        _world.UntilStreaming();
        Assert.Equal(SyncKind.HashCompare, _world.Status.LastSync);
        ReplicaReceiverTests.Prove(_world, _host);

        // What the recovery site knows of it outlives its power, and the moves before.
        _host.CrashAndStart();
        Assert.Equal(1, _host.Replica.Moves);
        ReplicaReceiverTests.Prove(_world, _host);
    }

    [Fact]
    public void Once_the_recovery_site_was_told_the_former_agent_is_refused_before_the_next_has_come()
    {
        _world.Ask(_host.Process, async () =>
        {
            await _host.Receiver.RaiseEpochAsync(new Epoch(3), 1, default);
            return true;
        });
        _world.Until(() => _world.Status is { Phase: GroupSourcePhase.Fenced, Reason: ReasonCode.Migrated },
            "the former source is fenced");
        Leave();
        _world.UntilStreaming();
        ReplicaReceiverTests.Prove(_world, _host);
    }

    [Fact]
    public void A_new_epoch_counts_moves_anew()
    {
        Leave();
        _world.UntilStreaming();
        _world.Ask(_host.Process, async () =>
        {
            await _host.Receiver.RaiseEpochAsync(new Epoch(4), 0, default);
            return true;
        });
        Assert.Equal((new Epoch(4), 0L), (_host.Replica.Epoch, _host.Replica.Moves));
    }

    [Fact]
    public void A_receiver_that_does_not_look_takes_both_in()
    {
        _host.Flaws = new EngineFlaws { AcceptOldAgent = true };
        _host.CrashAndStart();
        var stale = Leave();
        _world.For(TimeSpan.FromSeconds(20));
        Assert.NotEqual(GroupSourcePhase.Fenced, stale.Snapshot().Phase);
    }

    // The instance runs elsewhere now: the former agent's taps see nothing of it any more, and its maps stayed behind.
    private GroupSource Leave()
    {
        var before = _world.Taps.ToArray();
        for (var i = 0; i < before.Length; i++) _world.Taps[i] = new TestTap(before[i].Disk);
        var (stale, _) = _world.MoveToAnotherAgent();
        foreach (var tap in before) tap.End(Lifeboat.Replication.Capture.TapEnd.MirrorFailed);
        return stale;
    }
}
