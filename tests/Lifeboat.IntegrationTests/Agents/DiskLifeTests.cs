// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>Disks that grow, go and come back under a real QEMU while two agents replicate them.</summary>
public sealed class DiskLifeTests : TwoAgents
{
    private const string Group = ProtectedQemu.Group;
    private const long Grown = ProtectedQemu.DiskBytes + (16 << 20);
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task A_disk_that_grows_in_the_middle_of_writes_has_its_old_size_in_older_points()
    {
        await using var vm = await ProtectedQemu.StartAsync(disks: 2);
        await vm.ProtectAsync(A, B);
        await vm.Qemu.WriteAsync(0, 0x11, 1 << 20, 64 << 10);
        var before = await PointAsync();
        var old = await File.ReadAllBytesAsync(vm.Qemu.Image(0));

        using var stop = new CancellationTokenSource();
        var writing = WriteAsync(vm, stop.Token);
        await A.Client.ResizeVolumeAsync(Group, "vm.disk0", new ResizeVolumeRequest(Grown), None);
        await vm.Qemu.WriteAsync(0, 0x22, Grown - 8192, 8192);
        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming && s.Volumes[0].SizeBytes == Grown);
        await stop.CancelAsync();
        await writing;

        Assert.Equal(ResyncKind.ChangeMap, (await A.Client.SourceAsync(Group, None)).LastResync);
        await vm.AssertPointIsTheDisksAsync(A, B);
        Assert.Equal(Grown, new FileInfo(vm.Qemu.Image(0)).Length);
        var view = await B.Client.OpenViewAsync(Group, new ViewRequest("old", before.Id, null, false), None);
        var then = await ProtectedQemu.ReadAsync(view.Volumes[0]);
        Assert.True(old.AsSpan().SequenceEqual(then));
        await B.Client.CloseViewAsync(Group, "old", None);

        // Both agents begin anew, the source's from a spec that knows the old size.
        await A.StopAsync();
        await B.StopAsync();
        await B.StartAsync();
        await A.StartAsync();
        await vm.Qemu.WriteAsync(0, 0x33, Grown - 4096, 4096);
        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming);
        await vm.AssertPointIsTheDisksAsync(A, B);
    }

    [Fact]
    public async Task A_released_disk_is_resized_by_anybody_and_captured_again_when_told_to()
    {
        await using var vm = await ProtectedQemu.StartAsync(disks: 1);
        await vm.ProtectAsync(A, B);

        await A.Client.ReleaseVolumeAsync(
            Group, "vm.disk0", new ReleaseVolumeRequest(TimeSpan.FromMinutes(30), "a snapshot"), None);
        Assert.DoesNotContain(await vm.Qemu.TracesAsync(), t => !t.StartsWith("map", StringComparison.Ordinal));
        await vm.Qemu.AskAsync("block_resize",
            new System.Text.Json.Nodes.JsonObject { ["device"] = "disk0", ["size"] = Grown });
        await vm.Qemu.WriteAsync(0, 0x44, Grown - 4096, 4096);
        await ProtectedQemu.WaitAsync(A, s => s.Reason == ReasonCode.VolumeReleased);
        await A.Client.CaptureVolumeAsync(Group, "vm.disk0", None);

        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming);
        await vm.AssertPointIsTheDisksAsync(A, B);
    }

    [Fact]
    public async Task A_disk_taken_out_rests_as_it_was_the_others_go_on_and_it_comes_back_by_its_map()
    {
        await using var vm = await ProtectedQemu.StartAsync(disks: 2, scsi: true);
        await vm.ProtectAsync(A, B);
        await vm.Qemu.WriteAsync(1, 0x51, 1 << 20, 64 << 10);

        await vm.Qemu.UnplugAsync(1);
        await ProtectedQemu.WaitAsync(A, s => !s.Volumes[1].Captured);
        await vm.Qemu.WriteAsync(0, 0x52, 2 << 20, 64 << 10);
        await vm.AssertPointIsTheDisksAsync(A, B);
        var status = await A.Client.SourceAsync(Group, None);
        Assert.Equal(SourcePhase.Streaming, status.Phase);
        Assert.Contains("unplugged", status.Volumes[1].Detail, StringComparison.Ordinal);
        Assert.DoesNotContain(await vm.Qemu.TracesAsync(), t => t.StartsWith("export", StringComparison.Ordinal));

        await vm.Qemu.PlugAsync(1);
        await vm.Qemu.WriteAsync(1, 0x53, 3 << 20, 64 << 10);
        await ProtectedQemu.WaitAsync(A, s => s.Volumes[1].Captured && s.Phase == SourcePhase.Streaming);
        status = await A.Client.SourceAsync(Group, None);
        Assert.Equal(ResyncKind.ChangeMap, status.LastResync);
        Assert.InRange(status.ResyncMovedBytes, 64 << 10, 192 << 10);
        await vm.AssertPointIsTheDisksAsync(A, B);
    }

    [Fact]
    public async Task A_disk_that_is_out_when_an_agent_begins_is_left_out_of_points_and_they_say_so()
    {
        await using var vm = await ProtectedQemu.StartAsync(disks: 2, scsi: true);
        await vm.ProtectAsync(A, B);
        await A.StopAsync();
        await vm.Qemu.UnplugAsync(1);
        await A.StartAsync();

        await vm.Qemu.WriteAsync(0, 0x61, 1 << 20, 4096);
        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming && !s.Volumes[1].Captured);
        var point = await PointAsync();
        Assert.Contains("without vm.disk1", point.Note, StringComparison.Ordinal);

        await vm.Qemu.PlugAsync(1);
        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming && s.Volumes[1].Captured);
        Assert.Null((await PointAsync()).Note);
        await vm.AssertPointIsTheDisksAsync(A, B);
    }

    [Fact]
    public async Task A_disk_that_is_added_enters_by_a_batch_and_older_points_are_without_it()
    {
        await using var vm = await ProtectedQemu.StartAsync(disks: 2);
        await vm.Qemu.WriteAsync(1, 0x71, 1 << 20, 64 << 10);
        var (replica, source) = (vm.ReplicaSpec(A.Name), vm.SourceSpec(B.Name, B.LinkAddress));
        await B.Client.PutReplicaAsync(replica with { Volumes = [replica.Volumes[0]] }, None);
        await A.Client.PutSourceAsync(source with { Volumes = [source.Volumes[0]] }, None);
        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming);
        var before = await PointAsync();

        await B.Client.PutReplicaAsync(replica, None);
        await PointAsync(); // the old source goes on meanwhile
        await A.Client.PutSourceAsync(source, None);
        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming && s.Volumes.Count == 2);
        await vm.AssertPointIsTheDisksAsync(A, B);

        var view = await B.Client.OpenViewAsync(Group, new ViewRequest("old", before.Id, null, false), None);
        Assert.Equal(["vm.disk0"], view.Volumes.Select(v => v.Name));
        await B.Client.CloseViewAsync(Group, "old", None);
        await B.StopAsync();
        await B.StartAsync();
        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming && s.Reason == ReasonCode.None);
        await vm.AssertPointIsTheDisksAsync(A, B);
    }

    private async Task<RecoveryPoint> PointAsync()
    {
        var made = await A.Client.CheckpointAsync(
            Group, new CheckpointRequest(false, false, null, TimeSpan.FromSeconds(30)), None);
        Assert.True(made.Sealed);
        return (await B.Client.PointsAsync(Group, None)).First(p => p.Id == made.Point.Id);
    }

    private static async Task WriteAsync(ProtectedQemu vm, CancellationToken ct)
    {
        for (var i = 0; !ct.IsCancellationRequested; i++)
            await vm.Qemu.WriteAsync(i % 2, (byte)(1 + i % 250), i * 37 % 4096 * 4096L, 4096);
    }
}
