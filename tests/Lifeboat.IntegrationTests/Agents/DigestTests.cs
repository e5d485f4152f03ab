// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;

namespace Lifeboat.IntegrationTests.Agents;

public sealed class DigestTests : TwoAgents
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly SourceDigestRequest Live = new([]);

    [Fact]
    public async Task A_point_and_the_disks_it_was_cut_of_have_one_digest_and_others_another()
    {
        await using var vm = await ProtectedQemu.StartAsync(2);
        await vm.Qemu.WriteAsync(0, 0x11, 1 << 20, 300 << 10);
        await vm.ProtectAsync(A, B);
        await vm.Qemu.WriteAsync(0, 0x22, 2 << 20, 64 << 10);
        await vm.Qemu.WriteAsync(1, 0x33, 5 << 20, 4096);
        var point = await CutAsync();

        var disks = await A.Client.SourceDigestAsync(ProtectedQemu.Group, Live, None);
        var replica = await B.Client.PointDigestAsync(ProtectedQemu.Group, point, None);
        var files = await A.Client.SourceDigestAsync(ProtectedQemu.Group, new SourceDigestRequest(
            [new StoppedDisk(0, vm.Qemu.Image(0)), new StoppedDisk(1, vm.Qemu.Image(1))]), None);
        Assert.Equal((disks.Digest, (Guid?)point), (replica.Digest, replica.PointId));
        Assert.Equal(disks.Volumes, replica.Volumes);
        Assert.Equal(disks.Digest, files.Digest);

        await vm.Qemu.WriteAsync(1, 0x34, 5 << 20, 512);
        var later = await B.Client.PointDigestAsync(ProtectedQemu.Group, await CutAsync(), None);
        Assert.NotEqual(replica.Digest, later.Digest);
        Assert.Equal(replica.Volumes[0], later.Volumes[0]);
        Assert.Equal(replica.Digest, (await B.Client.PointDigestAsync(ProtectedQemu.Group, point, None)).Digest);
        Assert.Empty((await B.Client.ReplicaAsync(ProtectedQemu.Group, None)).Views);

        const long grown = ProtectedQemu.DiskBytes + (16 << 20);
        await A.Client.ResizeVolumeAsync(ProtectedQemu.Group, "vm.disk1", new ResizeVolumeRequest(grown), None);
        await vm.Qemu.WriteAsync(1, 0x35, grown - 4096, 4096);
        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming && s.Volumes[1].SizeBytes == grown);
        var longer = await B.Client.PointDigestAsync(ProtectedQemu.Group, await CutAsync(), None);
        Assert.Equal(grown, longer.Volumes[1].SizeBytes);
        Assert.Equal(longer.Digest, (await A.Client.SourceDigestAsync(ProtectedQemu.Group, Live, None)).Digest);
        Assert.Equal(replica.Digest, (await B.Client.PointDigestAsync(ProtectedQemu.Group, point, None)).Digest);

        await vm.Qemu.AskAsync("cont");
        var refused = await Assert.ThrowsAsync<ProblemException>(
            () => A.Client.SourceDigestAsync(ProtectedQemu.Group, Live, None));
        Assert.Equal(ReasonCode.WrongState, refused.Reason);
    }

    private async Task<Guid> CutAsync() => (await A.Client.CheckpointAsync(ProtectedQemu.Group,
        new CheckpointRequest(false, false, null, TimeSpan.FromSeconds(30)), None)).Point.Id;
}
