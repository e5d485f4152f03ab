// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;
using Lifeboat.Protection.Links;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Checkpoints;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Linking.Compression;
using Lifeboat.Replication.Shipping;

namespace Lifeboat.Tests.Replication;

public sealed class ReplicaReceiverTests
{
    private static readonly Dictionary<string, Consistency> Nothing = [];
    private readonly SourceWorld _world = new();
    private readonly RecoveryHost _host;

    public ReplicaReceiverTests()
    {
        _host = new RecoveryHost(_world);
        _host.Start();
    }

    [Fact]
    public void What_the_source_cuts_the_replica_opens_byte_for_byte()
    {
        _world.Start();
        _world.UntilStreaming();
        Prove();
        var snapshot = _host.Receiver.Snapshot();
        Assert.Equal((true, ReasonCode.None, 0L), (snapshot.Connected, snapshot.Reason, snapshot.RefusedFrames));
        Assert.InRange(snapshot.ReceivedBytes, 1, long.MaxValue);
    }

    [Theory]
    [InlineData(2, CompressionMode.Auto, FrameAbilities.All, true)]
    [InlineData(2, CompressionMode.Lz4, FrameAbilities.All, true)]
    [InlineData(2, CompressionMode.None, FrameAbilities.All, false)]
    [InlineData(2, CompressionMode.Auto, FrameAbilities.None, false)]
    [InlineData(1, CompressionMode.Auto, FrameAbilities.All, false)]
    public void Records_travel_packed_when_both_sides_can(
        int version, CompressionMode mode, FrameAbilities accepts, bool packed)
    {
        _world.Network.Version = version;
        _host.Accepts = accepts;
        _host.CrashAndStart();
        _world.Link = new LinkSettings { Compression = mode };
        for (var i = 0; i < 700; i++) _world.Taps[0].GuestWrite(i * 4096, Linking.FrameContent.Text(4096));
        _world.Start();
        _world.UntilStreaming();
        Prove();
        var status = _world.Status;
        // Half of the content is noise.
        if (packed) Assert.InRange(status.WireBytes, 1, status.ShippedBytes * 3 / 4);
        else Assert.InRange(status.WireBytes, status.ShippedBytes, long.MaxValue);
        if (!packed) Assert.Equal(FrameCompression.None, status.Compression);
    }

    [Fact]
    public void A_crash_of_the_recovery_site_loses_nothing_that_was_acknowledged()
    {
        _world.Start();
        _world.UntilStreaming();
        for (var i = 0; i < 6; i++)
        {
            _world.Write(40);
            _world.For(TimeSpan.FromMilliseconds(_world.Prng.Next(1, 300)));
            var acknowledged = _world.Status.DurableSequence;
            var sealedPoint = _world.Status.LastSealed;
            _host.CrashAndStart();
            Assert.InRange(_host.Replica.DurableSequence, acknowledged, long.MaxValue);
            if (sealedPoint is not null) Assert.Contains(_host.Replica.Points, p => p.Id == sealedPoint.Id);
        }
        Prove();
        Assert.All(_world.Taps, t => Assert.Equal(1, t.Attaches));
    }

    [Fact]
    public void A_raised_epoch_fences_the_session_that_runs()
    {
        _world.Start();
        _world.UntilStreaming();
        _world.Ask(_host.Process, async () =>
        {
            await _host.Receiver.RaiseEpochAsync(new Epoch(4), 0, default);
            return true;
        });
        _world.Until(() => _world.Status.Phase == GroupSourcePhase.Fenced, "the source is fenced");
        Assert.Equal(ReasonCode.StaleEpoch, _host.Receiver.Snapshot().Reason);
        Assert.InRange(_host.Receiver.Snapshot().RefusedFrames, 1, 2);
    }

    [Fact]
    public void A_source_of_a_newer_epoch_raises_the_replica()
    {
        _world.Start(new Epoch(9));
        _world.UntilStreaming();
        Assert.Equal(new Epoch(9), _host.Replica.Epoch);
    }

    [Fact]
    public void Another_site_than_the_primary_is_refused()
    {
        _host.PrimarySite = "north";
        _host.CrashAndStart();
        _world.Start();
        _world.Until(() => _world.Status.Reason == ReasonCode.PrimaryMoved, "the refusal is heard");
        Assert.Equal(ReasonCode.PrimaryMoved, _host.Receiver.Snapshot().Reason);
        Assert.Equal(0, _host.Replica.AppendedSequence);
    }

    [Fact]
    public void A_full_disk_is_told_and_ends_with_room()
    {
        _host.Disk.CapacityBytes = _host.Disk.AllocatedBytes + (600 << 10);
        _world.Start();
        _world.Until(() => _world.Status.Reason == ReasonCode.TargetFull, "the source hears that there is no room");
        Assert.DoesNotContain(_world.Taps, t => t.Mirroring);
        _host.Disk.CapacityBytes = long.MaxValue;
        _world.UntilStreaming();
        Prove();
    }

    [Fact]
    public void The_newest_session_wins()
    {
        _world.Start();
        _world.UntilStreaming();
        var first = _world.Agent;
        first.Pause(); // as by SIGSTOP: its connection stays open
        var other = _world.Spawn("other");
        var reply = _world.Ask(other, async () =>
        {
            var connection = await _world.Network.LinkOf("east", other)
                .ConnectAsync("west:7000", "west", LinkPath.Any, default);
            return await GreetAsync(connection);
        });
        Assert.Equal(_host.Replica.DurableSequence, reply.Durable);
        Assert.Equal(_host.Replica.ReplicaId, reply.Replica);
        _world.Until(() => _host.Receiver.Snapshot().Connected, "the newer session is served");
    }

    // Packed well, thousands of single writes fit into the buffers of a link: nothing then holds the source back, and a
    // recovery site that pays for each frame falls behind for ever.
    [Fact]
    public void A_recovery_site_that_pays_for_each_frame_keeps_up()
    {
        _host.Disk.DelayMax = TimeSpan.FromMilliseconds(15);
        _world.Link = new LinkSettings { Compression = CompressionMode.Lz4 };
        _world.Start();
        _world.UntilStreaming();
        for (var i = 0; i < 8_000; i++)
        {
            var at = i * 4096 % SourceWorld.DiskBytes;
            _world.Agent.Post(() => _world.Taps[0].GuestWrite(at, Linking.FrameContent.Text(4096)));
            _world.For(TimeSpan.FromMilliseconds(4));
        }
        Assert.Equal(1, _world.Taps[0].Attaches);
        Assert.InRange(_world.Status.Lag, TimeSpan.Zero, TimeSpan.FromSeconds(3));
        Prove();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_half_open_connection_is_replaced_in_seconds(ulong seed)
    {
        var world = new SourceWorld(seed);
        var host = new RecoveryHost(world);
        host.Start();
        world.Start();
        world.UntilStreaming();
        for (var i = 0; i < 4; i++)
        {
            var connections = world.Network.Connections;
            world.Network.GoSilent();
            world.Write(20);
            var sequence = world.Status.CapturedSequence;
            world.For(TimeSpan.FromSeconds(8));
            Assert.InRange(world.Network.Connections, connections + 1, long.MaxValue);
            Assert.InRange(world.Status.DurableSequence, sequence, long.MaxValue);
        }
        Assert.All(world.Taps, t => Assert.Equal(1, t.Attaches));
        Prove(world, host);
    }

    [Fact]
    public void A_cap_holds_and_is_lifted_without_a_new_session()
    {
        _world.Link = new LinkSettings { Cap = "1Mbit", Compression = CompressionMode.None };
        _world.Start();
        _world.Until(() => _world.Status.ShippedBytes > 0, "it ships");
        var (before, connections) = (_world.Status.WireBytes, _world.Network.Connections);
        _world.For(TimeSpan.FromSeconds(4));
        // 125,000 bytes a second, half a second's worth at once, and a frame that overdraws.
        Assert.InRange(_world.Status.WireBytes - before, 300_000, 500_000 + 62_500 + 300_000);
        Assert.Equal(GroupSourcePhase.InitialSync, _world.Status.Phase);
        _world.Budget.Settings = LinkSettings.Default;
        _world.For(TimeSpan.FromSeconds(3));
        Assert.Equal(GroupSourcePhase.Streaming, _world.Status.Phase);
        Assert.Equal(connections, _world.Network.Connections);
        Prove();
    }

    [Fact]
    public void Frames_do_not_wait_for_digests_that_were_asked_for_before_them()
    {
        const int asked = 30;
        _world.Start();
        _world.UntilStreaming();
        _world.Agent.Pause();
        var other = _world.Spawn("other");
        var (before, replies) = _world.Ask(other, async () =>
        {
            await using var connection =
                await _world.Network.LinkOf("east", other).ConnectAsync("west:7000", "west", LinkPath.Any, default);
            var reply = await GreetAsync(connection);
            _host.Disk.DelayMax = TimeSpan.FromMilliseconds(10);
            for (var i = 0; i < asked; i++)
            {
                var request = new DigestRequest((uint)i, 0, reply.Durable, 0, 1 << 20, 3);
                await connection.SendAsync(request.Encode(), default);
            }
            await connection.SendAsync(BatchBegin(reply.Durable + 1), default);
            var (replies, before) = (0, -1);
            while (replies < asked || before < 0)
            {
                switch (MessageCodec.Open((await connection.ReceiveAsync(default))!.Value, out var payload))
                {
                    case MessageKind.DigestReply: replies++; break;
                    case MessageKind.Ack when Ack.Decode(payload.Span).Durable > reply.Durable: before = replies; break;
                    case MessageKind.Ping:
                        await connection.SendAsync(Ping.Decode(payload.Span).Encode(MessageKind.Pong), default);
                        break;
                }
            }
            return (before, replies);
        });
        Assert.Equal(asked, replies);
        Assert.InRange(before, 0, asked / 2);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Hash_compare_against_the_real_replica_moves_only_what_differs(ulong seed)
    {
        var world = new SourceWorld(seed);
        var host = new RecoveryHost(world);
        host.Start();
        world.Start();
        world.UntilStreaming();
        world.Until(() => world.Status.LastSealed is not null, "a point is sealed");
        foreach (var tap in world.Taps) tap.Restart();
        for (var i = 0; i < 5; i++) world.Taps[i % 2].GuestWrite(i * 65536, world.Prng.Bytes(4096));
        world.Until(() => world.Status is { Phase: GroupSourcePhase.Streaming, Attaches: 4 }, "it streams again");
        Assert.Equal(SyncKind.HashCompare, world.Status.LastSync);
        Assert.Equal(5 * 4096, world.Status.SyncMovedBytes);
        Prove(world, host);
    }

    private static async Task<HelloReply> GreetAsync(ILinkConnection connection)
    {
        var hello = new Hello("db", new Epoch(3), Guid.Empty, Guid.Empty, 0,
            [new HelloVolume(0, SourceWorld.DiskBytes), new HelloVolume(1, SourceWorld.DiskBytes)]);
        await connection.SendAsync(hello.Encode(), default);
        MessageCodec.Open((await connection.ReceiveAsync(default))!.Value, out var payload);
        return HelloReply.Decode(payload.Span);
    }

    private static byte[] BatchBegin(long sequence)
    {
        const int head = MessageCodec.HeaderLength + FrameHeader.Length;
        var stream = new Guid("bbbbbbbb-0000-0000-0000-000000000001");
        var payload = BatchPayload.Encode(stream, [0, 1]);
        var message = new byte[head + RecordCodec.SizeOf(payload.Length)];
        var record = RecordHeader.Mark(RecordKind.BatchBegin, sequence, 3, payload.Length, 1);
        RecordCodec.Write(message.AsSpan(head), record, payload);
        FrameHeader.Seal(message, new Epoch(3), stream, sequence, 1);
        return message;
    }

    private void Prove() => Prove(_world, _host);

    internal static void Prove(SourceWorld world, RecoveryHost host)
    {
        CheckpointOutcome cut;
        byte[][] before;
        var tries = 0;
        do
        {
            world.UntilStreaming();
            world.Write(50);
            before = [.. world.Taps.Select(t => t.Disk.ToArray())];
            cut = world.Ask(() => world.Source.CheckpointAsync(Nothing, "proof", null, default));
        }
        while (cut.Point is null && ++tries < 20);
        Assert.Equal(ReasonCode.None, cut.Reason);
        world.Write(50);
        var fate = world.Ask(() => world.Source.WaitSealedAsync(cut.Point!.Id, TimeSpan.FromSeconds(20), default));
        Assert.Equal(PointFate.Sealed, fate);
        Assert.Contains(host.Replica.Points, p => p.Id == cut.Point!.Id);
        for (ushort v = 0; v < 2; v++)
            Assert.True(host.Image(v, cut.Point!.Sequence).AsSpan().SequenceEqual(before[v]), $"disk {v} differs");
    }
}
