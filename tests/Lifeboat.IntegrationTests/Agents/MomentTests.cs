// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>Disks of a real QEMU that are read in moments: dirty bitmaps, and images by copy-before-write.</summary>
public sealed class MomentTests : TwoAgents
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task What_changed_since_the_last_moment_is_sent_and_nothing_of_ours_is_left()
    {
        await using var vm = await ProtectedQemu.StartAsync(3);
        await vm.Qemu.WriteAsync(0, 0x11, 1 << 20, 8 << 20);
        await ProtectAsync(vm, TimeSpan.FromHours(1));
        await vm.AssertPointIsTheDisksAsync(A, B);

        // The same 64 KiB again and again, and 4 KiB elsewhere.
        for (byte i = 0; i < 8; i++) await vm.Qemu.WriteAsync(1, (byte)(0x20 + i), 2 << 20, 64 << 10);
        await vm.Qemu.WriteAsync(2, 0x33, 5 << 20, 4096);
        await vm.AssertPointIsTheDisksAsync(A, B);
        var after = await ProtectedQemu.WaitAsync(A, s => s.Moments!.UnderWay is null);
        Assert.Equal((ResyncKind.ChangeMap, (64L << 10) + 4096), (after.LastResync, after.Moments!.LastBytes));
        Assert.Equal(0, after.Moments.GivenUp);

        await A.StopAsync();
        await vm.Qemu.WriteAsync(0, 0x44, 12 << 20, 128 << 10);
        await A.StartAsync();
        await vm.AssertPointIsTheDisksAsync(A, B);
        after = await ProtectedQemu.WaitAsync(A, s => s.Moments!.UnderWay is null);
        Assert.Equal(ResyncKind.ChangeMap, after.LastResync);
        Assert.InRange(after.Moments!.LastBytes, 0, 128 << 10);

        // Between moments there are maps and nothing else, in the end nothing at all.
        Assert.All(await vm.Qemu.TracesAsync(), t => Assert.StartsWith("map lifeboat-", t));
        await A.Client.DeleteSourceAsync(ProtectedQemu.Group, true, None);
        Assert.Empty(await vm.Qemu.TracesAsync());
    }

    [Fact]
    public async Task A_point_holds_its_moment_whatever_is_written_while_it_is_read()
    {
        await using var vm = await ProtectedQemu.StartAsync(2);
        // The link is slow: a moment is read for seconds.
        await ProtectAsync(vm, TimeSpan.FromHours(1), shipBytesPerSecond: 2 << 20);
        foreach (var disk in new[] { 0, 1 }) await vm.Qemu.WriteAsync(disk, 0x41, 0, 6 << 20);
        var made = A.Client.CheckpointAsync(
            ProtectedQemu.Group, new CheckpointRequest(false, false, "m", TimeSpan.FromMinutes(1)), None);
        await ProtectedQemu.WaitAsync(A, s => s.Moments!.UnderWay is not null);
        foreach (var disk in new[] { 1, 0 }) await vm.Qemu.WriteAsync(disk, 0x42, 1 << 20, 8 << 20);
        var point = (await made).Point;

        var view = await B.Client.OpenViewAsync(
            ProtectedQemu.Group, new ViewRequest("look", point.Id, null, false), None);
        foreach (var volume in view.Volumes)
        {
            var content = await ProtectedQemu.ReadAsync(volume);
            Assert.Equal(-1, content.AsSpan(0, 6 << 20).IndexOfAnyExcept((byte)0x41));
            Assert.Equal(-1, content.AsSpan(6 << 20).IndexOfAnyExcept((byte)0));
        }
        await B.Client.CloseViewAsync(ProtectedQemu.Group, "look", None);
        await vm.AssertPointIsTheDisksAsync(A, B);
    }

    [Fact]
    public async Task The_source_can_go_over_to_captured_writes_and_back_with_the_change_maps_that_are_there()
    {
        await using var vm = await ProtectedQemu.StartAsync(2);
        await vm.Qemu.WriteAsync(0, 0x11, 1 << 20, 8 << 20);
        var moments = await ProtectAsync(vm, TimeSpan.FromHours(1));
        await vm.AssertPointIsTheDisksAsync(A, B);
        var captured = moments with
        {
            Policy = moments.Policy with { Source = ChangeSource.Continuous, RpoTarget = TimeSpan.FromSeconds(15) },
        };
        foreach (var (spec, pattern) in new[] { (captured, (byte)0x21), (moments, (byte)0x22) })
        {
            await vm.Qemu.WriteAsync(1, pattern, 3 << 20, 64 << 10);
            await A.Client.PutSourceAsync(spec, None);
            await vm.AssertPointIsTheDisksAsync(A, B);
            var status = await A.Client.SourceAsync(ProtectedQemu.Group, None);
            Assert.Equal(ResyncKind.ChangeMap, status.LastResync);
            Assert.InRange(status.ResyncMovedBytes, 0, 64 << 10);
            Assert.Equal(spec.Policy.Source == ChangeSource.Continuous, status.Moments is null);
        }
    }

    [Fact]
    public async Task Moments_go_on_while_the_instance_is_shut_down_and_read_only_what_may_have_changed()
    {
        await using var vm = await ProtectedQemu.StartAsync(1);
        await vm.Qemu.WriteAsync(0, 0x11, 1 << 20, 4 << 20);
        await ProtectAsync(vm, TimeSpan.FromSeconds(2));
        await vm.AssertPointIsTheDisksAsync(A, B);
        await vm.Qemu.WriteAsync(0, 0x22, 9 << 20, 64 << 10);
        await vm.Qemu.KillAsync();
        // Its change map has died with it; nothing is compared twice.
        var left = await ProtectedQemu.WaitAsync(A, s => s.LastResync == ResyncKind.HashCompare);
        var status = await ProtectedQemu.WaitAsync(A, s => s.LastResync == ResyncKind.ChangeMap
            && s.Moments!.Last > left.Moments!.Last);
        Assert.Equal((0, 0), (status.ResyncMovedBytes, status.ResyncExaminedBytes));
        Assert.Equal((SourcePhase.Streaming, ReasonCode.None), (status.Phase, status.Reason));
        await vm.AssertPointIsTheDisksAsync(A, B);

        await using var again = await Capture.BareQemu.StartAsync(vm.Qemu.Directory, 1, ProtectedQemu.DiskBytes);
        await again.WriteAsync(0, 0x55, 20 << 20, 64 << 10);
        // By comparing, or by the new map when a moment was taken between the start and the write.
        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming && s.ResyncMovedBytes == 64 << 10);
        await vm.AssertPointIsTheDisksAsync(A, B);
    }

    private async Task<SourceSpec> ProtectAsync(ProtectedQemu vm, TimeSpan period, long? shipBytesPerSecond = null)
    {
        await B.Client.PutReplicaAsync(vm.ReplicaSpec(A.Name), None);
        var spec = vm.SourceSpec(B.Name, B.LinkAddress);
        spec = spec with
        {
            Policy = spec.Policy with
            {
                Source = ChangeSource.Bitmap, SourcePeriod = period, RpoTarget = 2 * period,
                ShipBytesPerSecond = shipBytesPerSecond,
            },
        };
        await A.Client.PutSourceAsync(spec, None);
        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming);
        return spec;
    }
}
