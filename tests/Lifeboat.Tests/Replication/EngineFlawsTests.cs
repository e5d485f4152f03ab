// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Replication;
using Lifeboat.Replication.Shipping;
using Lifeboat.Testing.Storage;
using Xunit.Sdk;

namespace Lifeboat.Tests.Replication;

/// <summary>A check that nothing can fail proves nothing: each way to break the engine must be seen by one.</summary>
public sealed class EngineFlawsTests
{
    private readonly SourceWorld _world = new();
    private readonly RecoveryHost _host;

    public EngineFlawsTests() => _host = new RecoveryHost(_world);

    [Fact]
    public void A_write_that_was_acknowledged_and_not_taken_is_seen()
    {
        _world.Flaws = new EngineFlaws { AckBeforeReceiveEvery = 20 };
        Start();
        Assert.ThrowsAny<XunitException>(() => ReplicaReceiverTests.Prove(_world, _host));
    }

    [Fact]
    public void Writes_that_change_places_are_seen()
    {
        _host.Flaws = new EngineFlaws { ApplyOutOfOrder = true };
        Start();
        _world.Agent.Post(() =>
        {
            // Both are in one frame, and the later one must win.
            _world.Taps[0].GuestWrite(0, _world.Prng.Bytes(4096));
            _world.Taps[0].GuestWrite(0, _world.Prng.Bytes(4096));
        });
        _world.For(TimeSpan.FromMilliseconds(1));
        Assert.ThrowsAny<XunitException>(() => ReplicaReceiverTests.Prove(_world, _host));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Frames_of_an_old_epoch_are_only_taken_by_a_broken_receiver(bool broken)
    {
        if (broken) _host.Flaws = new EngineFlaws { AcceptOldEpoch = true };
        Start();
        _world.Ask(_host.Process, async () =>
        {
            await _host.Replica.RaiseEpochAsync(new Epoch(4), 0, default);
            return true;
        });
        var before = _host.Replica.AppendedSequence;
        _world.Write(20);
        _world.For(TimeSpan.FromSeconds(5));
        Assert.Equal(broken, _host.Replica.AppendedSequence > before);
        Assert.Equal(broken ? GroupSourcePhase.Streaming : GroupSourcePhase.Fenced, _world.Status.Phase);
    }

    [Fact]
    public void An_ack_before_the_flush_is_noticed_by_these_tests()
    {
        var lost = false;
        for (var seed = 1UL; seed < 40 && !lost; seed++)
        {
            var world = new SourceWorld(seed);
            var host = new RecoveryHost(world) { Flaws = new EngineFlaws { SealBeforeDurable = true } };
            host.Start();
            world.Start();
            for (var i = 0; i < 20 && !lost; i++)
            {
                host.Disk.Faults = o => o.Verb == DiskVerb.Flush && world.Prng.Chance(0.2) ? StorageFault.Io : null;
                world.Write(10);
                world.For(TimeSpan.FromMilliseconds(100));
                var acknowledged = world.Status.DurableSequence;
                host.Disk.Faults = _ => null;
                host.CrashAndStart();
                lost = host.Replica.DurableSequence < acknowledged;
            }
        }
        Assert.True(lost, "a receiver that acknowledges before it flushes was not caught");
    }

    private void Start()
    {
        _host.Start();
        _world.Start();
        _world.UntilStreaming();
    }
}
