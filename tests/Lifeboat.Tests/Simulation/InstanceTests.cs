// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;
using Lifeboat.Testing;
using Lifeboat.Testing.Simulation;

namespace Lifeboat.Tests.Simulation;

public sealed class InstanceTests
{
    private static readonly Guid Replica = new("11111111-1111-1111-1111-111111111111");
    private readonly SimulatedScheduler _scheduler = new(new Prng(5));
    private readonly SimulatedInstance _instance;
    private SimulatedProcess _agent;
    private long _writes;
    private int _ids;

    public InstanceTests()
    {
        _agent = Spawn("agent");
        _instance = new SimulatedInstance("db1", [Disk(0), Disk(1)], Spawn, new Prng(6));
        _instance.PowerOn(new GuestOptions(3, 2000, 0.1, 8), () => ++_writes);
    }

    [Fact]
    public void Capture_plus_pull_gives_what_the_disk_holds()
    {
        var copy = new CopySink(_instance.Disks[0].SizeBytes);
        var tap = new SimulatedDiskTap(_instance, 0, _agent);
        _agent.Start(async () =>
        {
            await _agent.Clock.DelayAsync(TimeSpan.FromMilliseconds(100));
            await SyncAsync(tap, copy, GapKind.Allocation);
            await _agent.Clock.DelayAsync(TimeSpan.FromMilliseconds(100));
            await ShutDownAsync();
        });

        _scheduler.Run(() => _instance.Guest!.Stopped, 1_000_000);

        Assert.Null(_instance.Disks[0].History.Check(_scheduler.Now, copy.Content));
    }

    [Fact]
    public void The_change_map_survives_the_agent_and_holds_exactly_enough()
    {
        var copy = new CopySink(_instance.Disks[0].SizeBytes);
        var tap = new SimulatedDiskTap(_instance, 0, _agent);
        _agent.Start(() => SyncAsync(tap, copy, GapKind.Allocation));
        _scheduler.Run(() => _scheduler.Now > TimeSpan.TicksPerSecond, 1_000_000);
        _agent.Kill();
        _scheduler.Run(() => _scheduler.Now > 2 * TimeSpan.TicksPerSecond, 1_000_000);
        Assert.NotNull(_instance.Disks[0].History.Check(_scheduler.Now, copy.Content));

        _agent = Spawn("agent");
        _agent.Start(async () =>
        {
            await SyncAsync(new SimulatedDiskTap(_instance, 0, _agent), copy, GapKind.Known);
            await ShutDownAsync();
        });
        _scheduler.Run(() => _instance.Guest!.Stopped, 1_000_000);

        Assert.Null(_instance.Disks[0].History.Check(_scheduler.Now, copy.Content));
        Assert.True(_instance.Guest!.WorstStall < TimeSpan.TicksPerSecond);
    }

    [Fact]
    public void A_refused_write_ends_the_mirror_and_not_the_guest()
    {
        var tap = new SimulatedDiskTap(_instance, 0, _agent);
        var refusing = new CopySink(_instance.Disks[0].SizeBytes) { Refuse = true };
        TapEnd? end = null;
        _agent.Start(async () =>
        {
            await tap.AttachAsync(refusing, Replica, default);
            end = await tap.Ended;
        });
        _scheduler.Run(() => _scheduler.Now > TimeSpan.TicksPerSecond, 1_000_000);

        Assert.Equal(TapEnd.MirrorFailed, end);
        Assert.True(_instance.Guest!.Acknowledged > 100);
    }

    [Fact]
    public void A_restart_of_the_instance_loses_the_map()
    {
        var copy = new CopySink(_instance.Disks[0].SizeBytes);
        var tap = new SimulatedDiskTap(_instance, 0, _agent);
        TapEnd? end = null;
        TapFault? fault = null;
        GapMap? map = null;
        _agent.Start(async () =>
        {
            await SyncAsync(tap, copy, GapKind.Allocation);
            _instance.PowerOff();
            end = await tap.Ended;
            var e = await Assert.ThrowsAsync<TapException>(() => tap.AttachAsync(copy, Replica, default));
            fault = e.Fault;
            _instance.PowerOn(new GuestOptions(1, 1000, 0, 4), () => ++_writes);
            map = await tap.AttachAsync(copy, Replica, default);
        });

        _scheduler.Run(() => map is not null, 1_000_000);

        Assert.Equal((TapEnd.InstanceGone, TapFault.MonitorUnreachable, GapKind.Allocation), (end, fault, map!.Kind));
    }

    [Fact]
    public void The_history_knows_a_lost_and_a_misplaced_write()
    {
        _scheduler.Run(() => _scheduler.Now > TimeSpan.TicksPerSecond / 2, 1_000_000);
        var disk = _instance.Disks[0];
        var content = new byte[disk.SizeBytes];
        disk.Read(0, content);
        Assert.Null(disk.History.Check(_scheduler.Now, content));

        content.AsSpan(512, 512).CopyTo(content);
        Assert.Contains("sector 0", disk.History.Check(_scheduler.Now, content));
        content[700] ^= 1;
        Assert.NotNull(disk.History.Check(_scheduler.Now, content));
    }

    private async Task SyncAsync(SimulatedDiskTap tap, CopySink copy, GapKind expected)
    {
        copy.Tracked.Clear();
        copy.Refuse = false;
        var map = await tap.AttachAsync(copy, Replica, default);
        Assert.Equal(expected, map.Kind);
        foreach (var extent in await tap.GapAsync(map, 0, tap.SizeBytes, default))
        {
            for (var at = extent.Offset; at < extent.Offset + extent.Length; at += 4096)
            {
                var buffer = new byte[Math.Min(4096, extent.Offset + extent.Length - at)];
                await tap.ReadAsync(at, buffer, default);
                copy.Pull(at, buffer);
            }
        }
        await tap.ForgetGapAsync(default);
    }

    private async Task ShutDownAsync()
    {
        _instance.Guest!.Stop();
        while (!_instance.Guest.Stopped) await _agent.Clock.DelayAsync(TimeSpan.FromMilliseconds(1));
    }

    private static GuestDisk Disk(int index) =>
        new(index, $"d{index}",
            [.. Enumerable.Range(0, 256).Select(s => s < 64 ? (7L << 16) + ((index << 12) | s) : 0)]);

    private SimulatedProcess Spawn(string name) =>
        new(_scheduler, _ids++, name, (_, e) => throw new SimulationException(e.ToString()));

    /// <summary>The least gateway: stream wins over pull.</summary>
    private sealed class CopySink(long size) : ICaptureSink
    {
        public byte[] Content { get; } = new byte[size];
        public HashSet<long> Tracked { get; } = [];
        public bool Refuse { get; set; }

        public bool Write(long offset, ReadOnlySpan<byte> data)
        {
            if (Refuse) return false;
            data.CopyTo(Content.AsSpan((int)offset));
            for (var at = offset; at < offset + data.Length; at += 512) Tracked.Add(at);
            return true;
        }

        public bool Zero(long offset, long length) => Write(offset, new byte[length]);

        public void Lost() => Refuse = true;

        public void Pull(long offset, ReadOnlySpan<byte> data)
        {
            for (var at = 0; at < data.Length; at += 512)
                if (!Tracked.Contains(offset + at))
                    data.Slice(at, 512).CopyTo(Content.AsSpan((int)offset + at));
        }
    }
}
