// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Nbd;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.IntegrationTests.Agents;

public sealed class AgentTests : TwoAgents
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Two_disks_are_replicated_and_a_sealed_point_equals_them()
    {
        await using var vm = await ProtectedQemu.StartAsync(2);
        await vm.Qemu.WriteAsync(0, 0x11, 1 << 20, 300 << 10);

        await vm.ProtectAsync(A, B);
        await vm.Qemu.WriteAsync(0, 0x22, 2 << 20, 64 << 10);
        await vm.Qemu.WriteAsync(1, 0x33, 5 << 20, 4096);

        await vm.AssertPointIsTheDisksAsync(A, B);
    }

    [Fact]
    public async Task Another_policy_is_taken_over_without_a_break_and_a_quiesce_that_fails_is_shown()
    {
        await using var vm = await ProtectedQemu.StartAsync(1);
        await vm.ProtectAsync(A, B);
        var before = await ProtectedQemu.WaitAsync(A, s => s.LastSealed is not null);
        var replica = await B.Client.ReplicaAsync(ProtectedQemu.Group, None);
        var spec = vm.SourceSpec(B.Name, B.LinkAddress);

        await B.Client.PutReplicaAsync(
            vm.ReplicaSpec(A.Name) with { Retention = Retention.Parse("all:10s,5s:1h").Retention! }, None);
        await A.Client.PutSourceAsync(spec with
        {
            Policy = spec.Policy with
            {
                CheckpointInterval = TimeSpan.FromMilliseconds(200), QuiesceInterval = TimeSpan.FromSeconds(5),
                QuiesceLabel = "by policy",
            },
        }, None);

        // The guest has no agent: a crash-consistent point is made, and it says why it is no better.
        var after = await ProtectedQemu.WaitAsync(A, s => s.LastQuiesce is not null);
        Assert.Equal((ReasonCode.QuiesceFailed, Consistency.Crash),
            (after.LastQuiesce!.Reason, after.LastQuiesce.Reached!.Value));
        Assert.Equal(before.Attaches, after.Attaches);
        var point = (await B.Client.PointsAsync(ProtectedQemu.Group, None))
            .FirstOrDefault(p => p.Id == after.LastQuiesce.PointId);
        Assert.True(point is null or { Label: "by policy", Note: not null }, $"{point}");
        Assert.Equal(replica.ReplicaId, (await B.Client.ReplicaAsync(ProtectedQemu.Group, None)).ReplicaId);
        await vm.AssertPointIsTheDisksAsync(A, B);
    }

    [Fact]
    public async Task Both_agents_restart_and_only_what_changed_is_moved()
    {
        await using var vm = await ProtectedQemu.StartAsync(1);
        await vm.Qemu.WriteAsync(0, 0x11, 1 << 20, 4 << 20);
        await vm.ProtectAsync(A, B);
        await vm.Qemu.WriteAsync(0, 0x22, 2 << 20, 64 << 10);
        await vm.AssertPointIsTheDisksAsync(A, B);

        await A.StopAsync();
        await B.StopAsync();
        await vm.Qemu.WriteAsync(0, 0x44, 12 << 20, 128 << 10);
        await B.StartAsync();
        await A.StartAsync();

        var status = await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming);
        Assert.Equal(ResyncKind.ChangeMap, status.LastResync);
        Assert.InRange(status.ResyncMovedBytes, 128 << 10, 256 << 10);
        await vm.AssertPointIsTheDisksAsync(A, B);
    }

    [Fact]
    public async Task A_restarted_instance_is_compared_by_hash_and_not_copied()
    {
        await using var vm = await ProtectedQemu.StartAsync(1);
        await vm.Qemu.WriteAsync(0, 0x11, 1 << 20, 8 << 20);
        await vm.ProtectAsync(A, B);
        await vm.AssertPointIsTheDisksAsync(A, B);

        await vm.Qemu.KillAsync();
        await ProtectedQemu.WaitAsync(A, s => s.Volumes.All(v => !v.Captured));
        await using var again = await Capture.BareQemu.StartAsync(vm.Qemu.Directory, 1, ProtectedQemu.DiskBytes);
        await again.WriteAsync(0, 0x55, 20 << 20, 64 << 10);

        var status = await ProtectedQemu.WaitAsync(
            A, s => s.Phase == SourcePhase.Streaming && s.LastResync == ResyncKind.HashCompare);
        Assert.InRange(status.ResyncMovedBytes, 1, 1 << 20);
        await vm.AssertPointIsTheDisksAsync(A, B);
    }

    [Fact]
    public async Task A_writable_view_survives_its_agent_and_leaves_nothing_when_closed()
    {
        await using var vm = await ProtectedQemu.StartAsync(1);
        await vm.Qemu.WriteAsync(0, 0x11, 0, 4096);
        await vm.ProtectAsync(A, B);
        await A.Client.CheckpointAsync(ProtectedQemu.Group,
            new CheckpointRequest(false, false, null, TimeSpan.FromSeconds(20)), None);
        var request = new ViewRequest("drill", null, null, true);
        var view = await B.Client.OpenViewAsync(ProtectedQemu.Group, request, None);
        await WriteAsync(view.Volumes[0], 4096, 0x99);

        await B.StopAsync();
        await B.StartAsync();
        var again = await B.Client.OpenViewAsync(ProtectedQemu.Group, request, None);

        Assert.Equal(view.Volumes, again.Volumes);
        var content = await ProtectedQemu.ReadAsync(again.Volumes[0]);
        Assert.Equal((0x11, 0x99), (content[0], content[4096]));
        await B.Client.CloseViewAsync(ProtectedQemu.Group, "drill", None);
        await B.Client.CloseViewAsync(ProtectedQemu.Group, "drill", None);
        Assert.Empty(Directory.EnumerateFileSystemEntries(B.Paths.Views));
        Assert.Empty((await B.Client.ReplicaAsync(ProtectedQemu.Group, None)).Views);
    }

    [Fact]
    public async Task Deleting_source_and_replica_leaves_no_trace()
    {
        await using var vm = await ProtectedQemu.StartAsync(2);
        await vm.ProtectAsync(A, B);

        await A.Client.DeleteSourceAsync(ProtectedQemu.Group, uninstall: true, None);
        await A.Client.DeleteSourceAsync(ProtectedQemu.Group, uninstall: true, None);
        await B.Client.DeleteReplicaAsync(ProtectedQemu.Group, None);
        await B.Client.DeleteReplicaAsync(ProtectedQemu.Group, None);

        Assert.Empty(await vm.Qemu.TracesAsync());
        Assert.False(Directory.Exists(Path.Combine(B.Paths.Replicas, ProtectedQemu.Group)));
        Assert.Equal(ReasonCode.GroupUnknown, await ReasonAsync(A.Client.SourceAsync(ProtectedQemu.Group, None)));
    }

    [Fact]
    public async Task A_raised_epoch_fences_the_source()
    {
        await using var vm = await ProtectedQemu.StartAsync(1);
        await vm.ProtectAsync(A, B);

        var raised = await B.Client.RaiseEpochAsync(ProtectedQemu.Group, new EpochRequest(new Epoch(2)), None);
        Assert.Equal(new Epoch(2), raised.Epoch);

        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Fenced);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        Assert.Equal(ReasonCode.StaleEpoch, await ReasonAsync(
            B.Client.RaiseEpochAsync(ProtectedQemu.Group, new EpochRequest(Epoch.First), None)));
        // It is fenced from the first moment; the instance's job ends within the next ones.
        while ((await vm.Qemu.AskAsync("query-block-jobs")).GetArrayLength() > 0) await Task.Delay(50, patience.Token);
    }

    [Fact]
    public async Task What_cannot_be_done_is_refused_with_its_reason_and_leaves_nothing()
    {
        await using var vm = await ProtectedQemu.StartAsync(1);
        var source = vm.SourceSpec("site-b", B.LinkAddress);
        var replica = vm.ReplicaSpec("site-a");
        var small = Path.Combine(vm.Qemu.Directory, "small.raw");
        await File.WriteAllBytesAsync(small, new byte[1 << 20], None);

        Assert.Equal(ReasonCode.MonitorUnreachable, await ReasonAsync(A.Client.PutSourceAsync(
            source with { Volumes = [source.Volumes[0] with { QmpSocket = "/nonexistent.sock" }] }, None)));
        Assert.Equal(ReasonCode.VolumeUnknown, await ReasonAsync(A.Client.PutSourceAsync(
            source with { Volumes = [source.Volumes[0] with { Device = "nosuch" }] }, None)));
        Assert.Equal(ReasonCode.InvalidRequest, await ReasonAsync(A.Client.PutSourceAsync(
            source with { Volumes = [] }, None)));
        Assert.Equal(ReasonCode.TargetTooSmall, await ReasonAsync(B.Client.PutReplicaAsync(
            replica with { Volumes = [replica.Volumes[0] with { TargetDisk = small }] }, None)));
        Assert.Equal(ReasonCode.InvalidRequest, await ReasonAsync(B.Client.PutReplicaAsync(
            replica with { Volumes = [replica.Volumes[0] with { SeedFile = "/nonexistent.raw" }] }, None)));
        Assert.Equal(ReasonCode.GroupUnknown, await ReasonAsync(B.Client.ReplicaAsync(ProtectedQemu.Group, None)));

        await B.Client.PutReplicaAsync(replica, None);
        Assert.Equal(ReasonCode.NoRecoveryPoint, await ReasonAsync(B.Client.OpenViewAsync(
            ProtectedQemu.Group, new ViewRequest("v", null, null, false), None)));
        Assert.Equal(ReasonCode.PointUnknown, await ReasonAsync(B.Client.OpenViewAsync(
            ProtectedQemu.Group, new ViewRequest("v", Guid.NewGuid(), null, false), None)));
        Assert.Equal(ReasonCode.PointUnknown, await ReasonAsync(B.Client.PinAsync(
            ProtectedQemu.Group, new PinRequest("p", Guid.NewGuid()), None)));
        Assert.Empty(await vm.Qemu.TracesAsync());
        Assert.Empty((await A.Client.StatusAsync(None)).Sources);
    }

    [Fact]
    public async Task A_second_agent_of_a_site_is_refused()
    {
        var refused = await Assert.ThrowsAsync<ProblemException>(
            () => Lifeboat.Agent.AgentHost.RunAsync(A.Paths.Root, None));

        Assert.Equal(ReasonCode.Conflict, refused.Reason);
    }

    private static async Task<ReasonCode> ReasonAsync(Task request) =>
        (await Assert.ThrowsAsync<ProblemException>(() => request)).Reason;

    private static async Task WriteAsync(ViewVolume volume, long offset, byte pattern)
    {
        await using var nbd = await NbdClient.ConnectAsync(new UnixDomainSocketEndPoint(volume.Socket),
            new NbdClientOptions { Export = volume.Export }, None);
        await nbd.WriteAsync(offset, Enumerable.Repeat(pattern, 4096).ToArray(), fua: true, None);
    }
}
