// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Contracts.Agents;
using Lifeboat.Replication.Capture;

namespace Lifeboat.IntegrationTests.Capture;

public sealed class QmpDiskTapTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task First_attach_pulls_what_is_allocated_and_streams_the_rest()
    {
        await using var fixture = await TapFixture.StartAsync();
        await fixture.Qemu.WriteAsync(0, 0x11, 1 << 20, 256 << 10);
        await using var agent = fixture.NewAgent();
        await using var tap = agent.Tap(0);
        var image = new MirroredImage(TapFixture.DiskBytes);

        var gap = await tap.AttachAsync(image, fixture.Replica, None);
        await fixture.Qemu.WriteAsync(0, 0x22, (1 << 20) + 4096, 8192);
        var moved = await image.PullAsync(tap, gap);
        await tap.ForgetGapAsync(None);
        await fixture.Qemu.WriteAsync(0, 0x33, 5 << 20, 4096);

        Assert.Equal(GapKind.Allocation, gap.Kind);
        Assert.InRange(moved, 256 << 10, 512 << 10);
        await AssertSameAsync(fixture, 0, image);
    }

    [Fact]
    public async Task A_disk_that_took_the_place_of_the_volume_is_left_alone_until_its_own_is_back()
    {
        await using var fixture = await TapFixture.StartAsync(disks: 2);
        await using var agent = fixture.NewAgent();
        var image = new MirroredImage(TapFixture.DiskBytes);
        var own = new DiskIdentity(null, Path.Combine(fixture.Directory, "disk0.raw"));

        await using var moved = agent.Tap(1, identity: own);
        var refused = await Assert.ThrowsAsync<TapException>(() => moved.AttachAsync(image, fixture.Replica, None));

        Assert.Equal(TapFault.Refused, refused.Fault);
        Assert.Contains($"disk1.raw, not {own.Image}", refused.Message);
        await using var unnamed = agent.Tap(1, identity: new DiskIdentity("volume-1", null));
        refused = await Assert.ThrowsAsync<TapException>(() => unnamed.AttachAsync(image, fixture.Replica, None));
        Assert.Contains("serial '', not 'volume-1'", refused.Message);
        await using var tap = agent.Tap(0, identity: own);
        await SyncAsync(tap, image, fixture.Replica);
        // Also with what is ours above it.
        await using var again = agent.Tap(0, identity: own);
        await tap.DetachAsync(None);
        await again.AttachAsync(image, fixture.Replica, None);
        await AssertSameAsync(fixture, 0, image);
    }

    [Fact]
    public async Task After_a_crash_only_what_changed_is_moved()
    {
        await using var fixture = await TapFixture.StartAsync();
        var image = new MirroredImage(TapFixture.DiskBytes);
        await using (var first = fixture.NewAgent())
        {
            var tap = first.Tap(0);
            await SyncAsync(tap, image, fixture.Replica);
            await fixture.Qemu.WriteAsync(0, 0x44, 2 << 20, 64 << 10);
            await tap.RotateAsync(_ => Task.CompletedTask, None);
        }
        await fixture.Qemu.WriteAsync(0, 0x55, 3 << 20, 16 << 10);
        await fixture.Qemu.WriteAsync(0, 0x00, 2 << 20, 4096);

        await using var second = fixture.NewAgent();
        await using var again = second.Tap(0);
        image.ForgetFresh();
        var gap = await again.AttachAsync(image, fixture.Replica, None);
        var moved = await image.PullAsync(again, gap);
        await again.ForgetGapAsync(None);

        Assert.Equal(GapKind.Known, gap.Kind);
        Assert.Equal(20 << 10, moved);
        await AssertSameAsync(fixture, 0, image);
    }

    // QEMU 7.2 dies of being asked for its nodes then (decision 0061).
    [Fact]
    public async Task A_stream_that_has_ended_and_is_not_dismissed_is_not_asked_past()
    {
        await using var fixture = await TapFixture.StartAsync(disks: 2);
        await using var agent = fixture.NewAgent();
        await using var tap = agent.Tap(0);
        await SyncAsync(tap, new MirroredImage(TapFixture.DiskBytes), fixture.Replica);
        await fixture.Qemu.AskAsync("block-stream",
            new JsonObject { ["job-id"] = "pull-x", ["device"] = "disk1", ["auto-dismiss"] = false });
        while ((await fixture.Qemu.AskAsync("query-jobs"))[0].GetProperty("status").GetString() != "concluded")
            await Task.Delay(10);

        var refused = await Assert.ThrowsAsync<TapException>(() => tap.StillMirroringAsync(None));
        Assert.Equal(TapFault.Refused, refused.Fault);
        Assert.Contains("pull-x", refused.Message, StringComparison.Ordinal);
        await fixture.Qemu.AskAsync("job-dismiss", new JsonObject { ["id"] = "pull-x" });
        Assert.True(await tap.StillMirroringAsync(None));
        Assert.False(tap.Ended.IsCompleted);
    }

    [Fact]
    public async Task A_crash_in_a_resync_forgets_nothing()
    {
        await using var fixture = await TapFixture.StartAsync();
        var image = new MirroredImage(TapFixture.DiskBytes);
        await using (var first = fixture.NewAgent()) await SyncAsync(first.Tap(0), image, fixture.Replica);
        await fixture.Qemu.WriteAsync(0, 0x61, 1 << 20, 4096);
        await using (var second = fixture.NewAgent())
        {
            await second.Tap(0).AttachAsync(new MirroredImage(TapFixture.DiskBytes), fixture.Replica, None);
            await fixture.Qemu.WriteAsync(0, 0x62, 2 << 20, 4096);
        }
        await fixture.Qemu.WriteAsync(0, 0x63, 3 << 20, 4096);

        await using var third = fixture.NewAgent();
        await using var tap = third.Tap(0);
        image.ForgetFresh();
        var gap = await tap.AttachAsync(image, fixture.Replica, None);
        var moved = await image.PullAsync(tap, gap);

        Assert.Equal(GapKind.Known, gap.Kind);
        Assert.Equal(3 * 4096, moved);
        await AssertSameAsync(fixture, 0, image);
    }

    [Fact]
    public async Task An_unfinished_first_sync_never_passes_for_a_known_gap()
    {
        await using var fixture = await TapFixture.StartAsync();
        await fixture.Qemu.WriteAsync(0, 0x77, 1 << 20, 1 << 20);
        await using (var first = fixture.NewAgent())
            await first.Tap(0).AttachAsync(new MirroredImage(TapFixture.DiskBytes), fixture.Replica, None);

        await using var second = fixture.NewAgent();
        await using var tap = second.Tap(0);
        var image = new MirroredImage(TapFixture.DiskBytes);
        var gap = await tap.AttachAsync(image, fixture.Replica, None);
        await image.PullAsync(tap, gap);

        Assert.Equal(GapKind.Allocation, gap.Kind);
        await AssertSameAsync(fixture, 0, image);
    }

    [Fact]
    public async Task A_failed_rotate_keeps_both_maps()
    {
        await using var fixture = await TapFixture.StartAsync();
        var image = new MirroredImage(TapFixture.DiskBytes);
        await using (var first = fixture.NewAgent())
        {
            var tap = first.Tap(0);
            await SyncAsync(tap, image, fixture.Replica);
            await fixture.Qemu.WriteAsync(0, 0x71, 1 << 20, 4096);
            await Assert.ThrowsAsync<TimeoutException>(
                () => tap.RotateAsync(_ => throw new TimeoutException(), None));
            await fixture.Qemu.WriteAsync(0, 0x72, 2 << 20, 4096);
        }

        await using var second = fixture.NewAgent();
        await using var again = second.Tap(0);
        var gap = await again.AttachAsync(image, fixture.Replica, None);
        var extents = await again.GapAsync(gap, 0, TapFixture.DiskBytes, None);

        Assert.Equal([new GapExtent(1 << 20, 4096, false), new GapExtent(2 << 20, 4096, false)], extents);
    }

    // Two fine maps of a long disk would take much memory: a coarse one stands in while the fine one is cleared.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_rotate_of_a_long_disk_forgets_nothing_that_is_not_durable(bool fails)
    {
        const long size = 8L << 30;
        await using var fixture = await TapFixture.StartAsync(sizeBytes: size);
        var image = new MirroredImage(TapFixture.DiskBytes);
        await using (var first = fixture.NewAgent())
        {
            var tap = first.Tap(0, size: size);
            await tap.AttachAsync(image, fixture.Replica, None);
            await tap.ForgetGapAsync(None);
            await fixture.Qemu.WriteAsync(0, 0x71, 1 << 20, 4096);
            var waits = 0;
            async Task WriteMoreAsync(CancellationToken ct)
            {
                await fixture.Qemu.WriteAsync(0, 0x72, (2L + waits++) << 20, 4096);
                if (fails && waits == 2) throw new TimeoutException();
            }
            var failure = await Record.ExceptionAsync(() => tap.RotateAsync(WriteMoreAsync, None));
            Assert.Equal(fails, failure is TimeoutException);
            Assert.Equal(2, waits);
        }

        await using var second = fixture.NewAgent();
        await using var again = second.Tap(0, size: size);
        var gap = await again.AttachAsync(image, fixture.Replica, None);
        var extents = await again.GapAsync(gap, 0, size, None);

        // What was written before the fine map was cleared is durable; if nobody knows that, the coarse map has it.
        long[] expected = fails ? [2 << 20, 3 << 20] : [3 << 20];
        Assert.Equal(expected, extents.Where(e => !e.Zero).Select(e => e.Offset));
    }

    // A gap and what is written while it is pulled are two maps, of which a long disk has one fine.
    [Fact]
    public async Task A_resync_of_a_long_disk_has_one_fine_map()
    {
        const long size = 8L << 30;
        await using var fixture = await TapFixture.StartAsync(sizeBytes: size);
        var image = new MirroredImage(TapFixture.DiskBytes);
        await using (var first = fixture.NewAgent())
        {
            var tap = first.Tap(0, size: size);
            await tap.AttachAsync(image, fixture.Replica, None);
            await tap.ForgetGapAsync(None);
            await fixture.Qemu.WriteAsync(0, 0x71, 1 << 20, 4096);
        }
        await using (var second = fixture.NewAgent())
        {
            var tap = second.Tap(0, size: size);
            await tap.AttachAsync(image, fixture.Replica, None);
            Assert.Equal([4096, 65536], await fixture.Qemu.MapGranularitiesAsync());
            await fixture.Qemu.WriteAsync(0, 0x72, 2 << 20, 4096);
            await tap.RotateAsync(_ => Task.CompletedTask, None);
            Assert.Equal([4096, 65536], await fixture.Qemu.MapGranularitiesAsync());
            await fixture.Qemu.WriteAsync(0, 0x73, 3 << 20, 4096);
            await tap.ForgetGapAsync(None);
            Assert.Equal([65536], await fixture.Qemu.MapGranularitiesAsync());
            await tap.RotateAsync(_ => fixture.Qemu.WriteAsync(0, 0x74, 4 << 20, 4096), None);
            Assert.Equal([4096], await fixture.Qemu.MapGranularitiesAsync());
            await fixture.Qemu.WriteAsync(0, 0x75, 5 << 20, 4096);
        }

        await using var third = fixture.NewAgent();
        await using var again = third.Tap(0, size: size);
        var gap = await again.AttachAsync(image, fixture.Replica, None);
        var extents = await again.GapAsync(gap, 0, size, None);

        // Since the last rotation began.
        Assert.Equal([new GapExtent(4 << 20, 4096, false), new GapExtent(5 << 20, 4096, false)], extents);
    }

    [Fact]
    public async Task A_sink_that_gives_up_ends_the_mirror_and_not_the_guest()
    {
        await using var fixture = await TapFixture.StartAsync();
        await using var agent = fixture.NewAgent();
        await using var tap = agent.Tap(0);
        var image = new MirroredImage(TapFixture.DiskBytes);
        await SyncAsync(tap, image, fixture.Replica);

        image.GiveUp = true;
        await fixture.Qemu.WriteAsync(0, 0x12, 4096, 4096);

        Assert.True(image.IsLost);
        Assert.False(await tap.StillMirroringAsync(None));
        Assert.Equal(TapEnd.MirrorFailed, await tap.Ended.WaitAsync(TimeSpan.FromSeconds(5)));
        image.GiveUp = false;
        image.ForgetFresh();
        Assert.Equal(4096, await image.PullAsync(tap, await tap.AttachAsync(image, fixture.Replica, None)));
        await AssertSameAsync(fixture, 0, image);
    }

    // QEMU dies of a mirror that ends while a write of the guest is under way: decision 0012.
    [Fact]
    public async Task A_mirror_that_fails_does_not_end_before_it_is_asked_to()
    {
        await using var fixture = await TapFixture.StartAsync();
        var image = new MirroredImage(TapFixture.DiskBytes);
        await using var agent = fixture.NewAgent();
        await using var tap = agent.Tap(0);
        await SyncAsync(tap, image, fixture.Replica);
        Assert.True((await fixture.Qemu.AskAsync("query-block-jobs"))[0].GetProperty("paused").GetBoolean());

        tap.LetGo();
        for (var i = 0; i < 3; i++) await fixture.Qemu.WriteAsync(0, 0x77, i * 4096, 4096);
        await Task.Delay(TimeSpan.FromMilliseconds(300));
        Assert.Equal(1, (await fixture.Qemu.AskAsync("query-block-jobs")).GetArrayLength());
        Assert.False(await tap.StillMirroringAsync(None));

        await tap.DetachAsync(None);
        Assert.Equal(0, (await fixture.Qemu.AskAsync("query-block-jobs")).GetArrayLength());
    }

    [Fact]
    public async Task A_mirror_cancelled_by_somebody_else_is_noticed()
    {
        await using var fixture = await TapFixture.StartAsync();
        await using var agent = fixture.NewAgent();
        await using var tap = agent.Tap(0);
        await SyncAsync(tap, new MirroredImage(TapFixture.DiskBytes), fixture.Replica);
        var job = (await fixture.Qemu.AskAsync("query-block-jobs"))[0].GetProperty("device").GetString();

        Assert.True(await tap.StillMirroringAsync(None));
        await fixture.Qemu.AskAsync("block-job-cancel", new JsonObject { ["device"] = job, ["force"] = true });

        Assert.False(await tap.StillMirroringAsync(None));
        Assert.Equal(TapEnd.MirrorFailed, await tap.Ended.WaitAsync(TimeSpan.FromSeconds(5)));
    }

    [Fact]
    public async Task A_qemu_that_cannot_open_our_socket_is_given_its_connection()
    {
        await using var fixture = await TapFixture.StartAsync();
        var image = new MirroredImage(TapFixture.DiskBytes);
        await using var agent = fixture.NewAgent();
        await using var tap = agent.Tap(0);
        File.Delete(Path.Combine(fixture.Directory, "gw1.sock"));
        await SyncAsync(tap, image, fixture.Replica);
        await fixture.Qemu.WriteAsync(0, 0x21, 0, 1 << 20);
        Assert.True(image.Snapshot().AsSpan(0, 1 << 20).IndexOfAnyExcept((byte)0x21) < 0);
    }

    [Fact]
    public async Task A_new_qemu_has_no_map()
    {
        await using var fixture = await TapFixture.StartAsync();
        var image = new MirroredImage(TapFixture.DiskBytes);
        await using var agent = fixture.NewAgent();
        await using var tap = agent.Tap(0);
        await SyncAsync(tap, image, fixture.Replica);

        await fixture.Qemu.KillAsync();
        Assert.Equal(TapEnd.InstanceGone, await tap.Ended.WaitAsync(TimeSpan.FromSeconds(5)));
        var refused = await Assert.ThrowsAsync<TapException>(() => tap.AttachAsync(image, fixture.Replica, None));
        Assert.Equal(TapFault.MonitorUnreachable, refused.Fault);

        await fixture.RestartQemuAsync();
        Assert.Equal(GapKind.Allocation, (await tap.AttachAsync(image, fixture.Replica, None)).Kind);
    }

    [Fact]
    public async Task A_qemu_that_quits_ended_with_its_mirror_intact()
    {
        await using var fixture = await TapFixture.StartAsync();
        await using var agent = fixture.NewAgent();
        await using var tap = agent.Tap(0);
        await SyncAsync(tap, new MirroredImage(TapFixture.DiskBytes), fixture.Replica);

        await fixture.Qemu.AskAsync("quit");

        Assert.Equal(TapEnd.InstanceGone, await tap.Ended.WaitAsync(TimeSpan.FromSeconds(5)));
    }

    [Fact]
    public async Task A_yanked_connection_is_a_failed_mirror()
    {
        await using var fixture = await TapFixture.StartAsync();
        await using var agent = fixture.NewAgent();
        await using var tap = agent.Tap(0);
        await SyncAsync(tap, new MirroredImage(TapFixture.DiskBytes), fixture.Replica);
        var target = (await fixture.Qemu.TracesAsync()).Single(t => t.Contains("-t"));

        await fixture.Qemu.AskAsync("yank", new JsonObject
        {
            ["instances"] = new JsonArray(new JsonObject { ["type"] = "block-node", ["node-name"] = target }),
        });
        await fixture.Qemu.WriteAsync(0, 0x13, 4096, 4096);

        Assert.False(await tap.StillMirroringAsync(None));
        Assert.Equal(TapEnd.MirrorFailed, await tap.Ended.WaitAsync(TimeSpan.FromSeconds(5)));
    }

    [Fact]
    public async Task Another_replica_makes_the_maps_worthless()
    {
        await using var fixture = await TapFixture.StartAsync();
        await using var agent = fixture.NewAgent();
        await using var tap = agent.Tap(0);
        var image = new MirroredImage(TapFixture.DiskBytes);
        await SyncAsync(tap, image, fixture.Replica);

        Assert.Equal(GapKind.Allocation, (await tap.AttachAsync(image, Guid.NewGuid(), None)).Kind);
    }

    [Fact]
    public async Task Detach_keeps_the_map_recording()
    {
        await using var fixture = await TapFixture.StartAsync();
        await using var agent = fixture.NewAgent();
        await using var tap = agent.Tap(0);
        var image = new MirroredImage(TapFixture.DiskBytes);
        await SyncAsync(tap, image, fixture.Replica);
        await tap.RotateAsync(_ => Task.CompletedTask, None);

        await tap.DetachAsync(None);
        await fixture.Qemu.WriteAsync(0, 0x19, 1 << 20, 8192);

        Assert.Empty(await fixture.Qemu.AskAsync("query-block-jobs") is var jobs ? jobs.EnumerateArray() : default);
        var gap = await tap.AttachAsync(image, fixture.Replica, None);
        Assert.Equal([new GapExtent(1 << 20, 8192, false)], await tap.GapAsync(gap, 0, TapFixture.DiskBytes, None));
    }

    [Fact]
    public async Task Uninstall_leaves_no_trace_of_this_or_an_earlier_agent()
    {
        await using var fixture = await TapFixture.StartAsync(disks: 2);
        await using (var crashed = fixture.NewAgent())
        {
            await crashed.Tap(0).AttachAsync(new MirroredImage(TapFixture.DiskBytes), fixture.Replica, None);
            await crashed.Tap(1).AttachAsync(new MirroredImage(TapFixture.DiskBytes), fixture.Replica, None);
        }
        Assert.NotEmpty(await fixture.Qemu.TracesAsync());

        await using var agent = fixture.NewAgent();
        await agent.Tap(0).UninstallAsync(None);
        await using var second = agent.Tap(1);
        await SyncAsync(second, new MirroredImage(TapFixture.DiskBytes), fixture.Replica);
        await second.UninstallAsync(None);
        await second.UninstallAsync(None);

        Assert.Empty(await fixture.Qemu.TracesAsync());
    }

    [Fact]
    public async Task Two_disks_share_the_one_nbd_server_of_their_qemu()
    {
        await using var fixture = await TapFixture.StartAsync(disks: 2);
        await using var agent = fixture.NewAgent();
        await using var first = agent.Tap(0);
        await using var second = agent.Tap(1);
        await fixture.Qemu.WriteAsync(1, 0x21, 0, 4096);
        MirroredImage a = new(TapFixture.DiskBytes), b = new(TapFixture.DiskBytes);

        var gaps = await Task.WhenAll(
            first.AttachAsync(a, fixture.Replica, None), second.AttachAsync(b, fixture.Replica, None));
        await a.PullAsync(first, gaps[0]);
        await first.ForgetGapAsync(None);
        await b.PullAsync(second, gaps[1]);
        await second.ForgetGapAsync(None);

        await AssertSameAsync(fixture, 0, a);
        await AssertSameAsync(fixture, 1, b);
        Assert.False(File.Exists(Path.Combine(fixture.Directory, "pull.sock")));
    }

    [Theory]
    [InlineData("nosuch", TapFixture.DiskBytes, TapFault.DiskNotFound)]
    [InlineData("front0", TapFixture.DiskBytes / 2, TapFault.SizeChanged)]
    public async Task A_wrong_disk_is_refused_and_left_as_it_was(string device, long size, TapFault fault)
    {
        await using var fixture = await TapFixture.StartAsync();
        await using var agent = fixture.NewAgent();
        await using var tap = agent.Tap(0, device, size);

        var refused = await Assert.ThrowsAsync<TapException>(
            () => tap.AttachAsync(new MirroredImage(size), fixture.Replica, None));

        Assert.Equal(fault, refused.Fault);
        Assert.Empty(await fixture.Qemu.TracesAsync());
    }

    [Fact]
    public async Task A_disk_that_is_being_moved_is_refused_and_captured_when_the_move_has_ended()
    {
        await using var fixture = await TapFixture.StartOverlayAsync();
        await using var agent = fixture.NewAgent();
        await using var tap = agent.Tap(0);
        var image = new MirroredImage(TapFixture.DiskBytes);
        await fixture.Qemu.AskAsync("block-stream",
            new JsonObject { ["device"] = "disk0", ["job-id"] = "move", ["speed"] = 65536 });

        var refused = await Assert.ThrowsAsync<TapException>(() => tap.AttachAsync(image, fixture.Replica, None));
        Assert.Equal(TapFault.Refused, refused.Fault);
        Assert.Equal(["job move"], await fixture.Qemu.TracesAsync());

        await fixture.Qemu.AskAsync("block-job-set-speed", new JsonObject { ["device"] = "move", ["speed"] = 0 });
        while ((await fixture.Qemu.TracesAsync()).Count > 0) await Task.Delay(50);
        await SyncAsync(tap, image, fixture.Replica);
        Assert.Equal(0x5A, image.Snapshot()[4096]);
    }

    private static async Task SyncAsync(IDiskTap tap, MirroredImage image, Guid replica)
    {
        await image.PullAsync(tap, await tap.AttachAsync(image, replica, None));
        await tap.ForgetGapAsync(None);
    }

    private static async Task AssertSameAsync(TapFixture fixture, int disk, MirroredImage image)
    {
        var expected = await File.ReadAllBytesAsync(fixture.Qemu.Image(disk));
        Assert.True(expected.AsSpan().SequenceEqual(image.Snapshot()), $"disk {disk} differs from its copy");
    }
}
