// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Shipping;

namespace Lifeboat.Tests.Replication;

/// <summary>The shipped source, receiver and replica together, through whatever may break, in any order.</summary>
public sealed class ReplicationChaosTests
{
    private static readonly Dictionary<string, Consistency> Nothing = [];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Every_sealed_point_opens_to_the_moment_it_was_cut_at(ulong seed)
    {
        var world = new SourceWorld(seed);
        var host = new RecoveryHost(world);
        host.Start();
        world.Start();
        var moments = new Dictionary<Guid, byte[][]>();
        for (var round = 0; round < 50; round++)
        {
            world.Write(world.Prng.Next(1, 30));
            world.For(TimeSpan.FromMilliseconds(world.Prng.Next(1, 400)));
            Break(world, host);
            if (world.Prng.Chance(0.3)) Point(world, moments);
        }
        world.Network.Heal();
        foreach (var tap in world.Taps)
            if (tap.SilentlyBroken) tap.End(TapEnd.MirrorFailed);
        ReplicaReceiverTests.Prove(world, host);

        var proved = host.Replica.Points.Where(p => moments.ContainsKey(p.Id)).ToList();
        foreach (var point in proved)
            for (ushort v = 0; v < 2; v++)
                Assert.True(host.Image(v, point.Sequence).AsSpan().SequenceEqual(moments[point.Id][v]),
                    $"disk {v} at {point.Sequence} of seed {seed}; {world.Log}");
    }

    private static void Break(SourceWorld world, RecoveryHost host)
    {
        var tap = world.Taps[world.Prng.Next(2)];
        switch (world.Prng.Next(16))
        {
            case 0 or 1: world.Network.BreakAll(); break;
            case 2: world.RestartAgent(); break;
            case 3: tap.End(TapEnd.MirrorFailed); break;
            case 4: tap.Restart(); break;
            case 5: for (var i = 0; i < 30; i++) world.Write(50); break;
            case 6 or 7: host.CrashAndStart(); break;
            case 8: world.Network.Partition(); break;
            case 9 or 10: world.Network.Heal(); break;
            case 11: tap.SilentlyBroken = tap.Mirroring; break;
        }
        // It is heard of sooner or later.
        foreach (var broken in world.Taps)
            if (broken.SilentlyBroken && world.Prng.Chance(0.3)) broken.End(TapEnd.MirrorFailed);
    }

    private static void Point(SourceWorld world, Dictionary<Guid, byte[][]> moments)
    {
        // The guest writes nothing between the copy and the cut.
        var copy = world.Taps.Select(t => t.Disk.ToArray()).ToArray();
        var cut = world.Ask(() => world.Source.CheckpointAsync(Nothing, "proof", null, default));
        if (cut.Point is { } point) moments[point.Id] = copy;
    }
}
