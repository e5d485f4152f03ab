// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.IntegrationTests.Capture;
using Lifeboat.Protection;
using Lifeboat.Protection.Links;
using Lifeboat.Protection.Policies;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>Disks of a real QEMU whose moments are taken on request and when it has ended.</summary>
public sealed class RestTests : TwoAgents
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Each_shutdown_makes_a_point_of_what_the_instance_left_and_only_that_moves()
    {
        await using var vm = await ProtectedQemu.StartAsync(2);
        await vm.Qemu.WriteAsync(0, 0x11, 1 << 20, 8 << 20);
        await ProtectAsync(vm, MomentTrigger.OnShutdown);
        var running = await NewestAsync();
        await vm.Qemu.WriteAsync(1, 0x22, 3 << 20, 64 << 10);
        await Task.Delay(TimeSpan.FromSeconds(3));
        Assert.Equal(running, await NewestAsync());

        await vm.Qemu.KillAsync();
        var left = await NextAsync(running);
        Assert.Equal((ResyncKind.HashCompare, 64L << 10), (left.LastResync, left.Moments!.LastBytes));
        await AssertNewestIsTheDisksAsync(vm, left);
        await Task.Delay(TimeSpan.FromSeconds(3));
        Assert.Equal(left.LastSealed!.Id, await NewestAsync());

        // On request there is one of instances that are shut down too; the agent may have been killed meanwhile.
        await A.StopAsync();
        await A.StartAsync();
        await vm.AssertPointIsTheDisksAsync(A, B);
        var asked = await ProtectedQemu.WaitAsync(A, s => s.Moments!.UnderWay is null);

        await using (var again = await BareQemu.StartAsync(vm.Qemu.Directory, 2, ProtectedQemu.DiskBytes))
        {
            await again.WriteAsync(0, 0x33, 20 << 20, 128 << 10);
            await Task.Delay(TimeSpan.FromSeconds(2));
            Assert.Empty(await again.TracesAsync());
        }
        left = await NextAsync(asked.LastSealed!.Id);
        Assert.Equal(128L << 10, left.Moments!.LastBytes);
        await AssertNewestIsTheDisksAsync(vm, left);
    }

    [Fact]
    public async Task An_instance_that_is_started_while_its_disks_are_read_is_not_held_up_and_no_point_is_torn()
    {
        await using var vm = await ProtectedQemu.StartAsync(1);
        // What this writes packs so well that a slow link would take it at once.
        await A.Client.PutLinkAsync(B.Name, new LinkSettings { Compression = CompressionMode.None }, None);
        await ProtectAsync(vm, MomentTrigger.OnShutdown, shipBytesPerSecond: 1 << 20);
        var before = await NewestAsync();
        // Many seconds of the link.
        foreach (var at in Enumerable.Range(0, 12)) await vm.Qemu.WriteAsync(0, (byte)(0x41 + at), at << 20, 1 << 20);
        await vm.Qemu.KillAsync();
        await ProtectedQemu.WaitAsync(A, s => s.Moments!.UnderWay is not null && s.ResyncMovedBytes > 1 << 20);

        var started = TimeProvider.System.GetTimestamp();
        await using var again = await BareQemu.StartAsync(vm.Qemu.Directory, 1, ProtectedQemu.DiskBytes);
        await again.WriteAsync(0, 0x77, 0, 12 << 20);
        Assert.True(TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromSeconds(20));
        var status = await ProtectedQemu.WaitAsync(A, s => s.Moments!.GivenUp > 0);
        Assert.Equal(before, status.LastSealed!.Id);
        // What was begun is brought to its end, of the instance that runs.
        await A.Client.PutSourceAsync(Spec(vm, MomentTrigger.OnShutdown, 64 << 20), None);
        status = await NextAsync(before);
        await AssertNewestIsTheDisksAsync(vm, status);
    }

    [Fact]
    public async Task On_request_nothing_is_taken_by_itself()
    {
        await using var vm = await ProtectedQemu.StartAsync(1);
        await ProtectAsync(vm, MomentTrigger.OnRequest);
        var first = await NewestAsync();
        await vm.Qemu.WriteAsync(0, 0x55, 2 << 20, 1 << 20);
        await Task.Delay(TimeSpan.FromSeconds(4));
        var waits = await A.Client.SourceAsync(ProtectedQemu.Group, None);
        Assert.Equal((first, (DateTimeOffset?)null), (waits.LastSealed!.Id, waits.Moments!.Next));
        Assert.Equal((SourcePhase.Streaming, ReasonCode.None), (waits.Phase, waits.Reason));
        await vm.AssertPointIsTheDisksAsync(A, B);
    }

    private async Task<Guid> NewestAsync()
    {
        var status = await ProtectedQemu.WaitAsync(A, s => s.LastSealed is not null && s.Moments!.UnderWay is null);
        return status.LastSealed!.Id;
    }

    private Task<SourceStatus> NextAsync(Guid after) => ProtectedQemu.WaitAsync(A,
        s => s.LastSealed is { } point && point.Id != after && s.Moments!.UnderWay is null);

    private async Task AssertNewestIsTheDisksAsync(ProtectedQemu vm, SourceStatus status)
    {
        var view = await B.Client.OpenViewAsync(
            ProtectedQemu.Group, new ViewRequest("newest", status.LastSealed!.Id, null, false), None);
        foreach (var volume in view.Volumes)
        {
            var disk = await File.ReadAllBytesAsync(vm.Qemu.Image(volume.Index));
            var point = await ProtectedQemu.ReadAsync(volume);
            Assert.True(disk.AsSpan().SequenceEqual(point), $"{volume.Name} differs from its point");
        }
        await B.Client.CloseViewAsync(ProtectedQemu.Group, "newest", None);
    }

    private async Task ProtectAsync(ProtectedQemu vm, MomentTrigger trigger, long? shipBytesPerSecond = null)
    {
        await B.Client.PutReplicaAsync(vm.ReplicaSpec(A.Name), None);
        await A.Client.PutSourceAsync(Spec(vm, trigger, shipBytesPerSecond), None);
        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming && s.LastSealed is not null);
    }

    private SourceSpec Spec(ProtectedQemu vm, MomentTrigger trigger, long? shipBytesPerSecond)
    {
        var spec = vm.SourceSpec(B.Name, B.LinkAddress);
        return spec with
        {
            Policy = spec.Policy with
            {
                Source = ChangeSource.Bitmap, SourceTrigger = trigger, ShipBytesPerSecond = shipBytesPerSecond,
                // What is read waits for the link.
                OutboxBytes = shipBytesPerSecond is null ? Policy.Default.OutboxBytes : 4 << 20,
            },
        };
    }
}
