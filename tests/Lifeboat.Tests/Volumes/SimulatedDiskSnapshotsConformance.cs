// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Moments.Snapshots;
using Lifeboat.Testing.Simulation;

namespace Lifeboat.Tests.Volumes;

public sealed class SimulatedDiskSnapshotsConformance : DiskSnapshotsConformance
{
    private readonly GuestDisk[] _disks;
    private long _writes;

    public SimulatedDiskSnapshotsConformance() => _disks = [NewDisk(0), NewDisk(1)];

    protected override int SizeBytes => 128 << 10;

    protected override Task<IDiskSnapshots> OpenAsync() => Task.FromResult<IDiskSnapshots>(new SimulatedDiskSnapshots(
        _disks, _ => Task.CompletedTask, (action, _) =>
        {
            action();
            return Task.CompletedTask;
        }, TimeProvider.System));

    protected override Task WriteAsync(ushort volume, int offset, int length) => Apply(volume, offset, length, false);

    protected override Task DiscardAsync(ushort volume, int offset, int length) => Apply(volume, offset, length, true);

    protected override Task<byte[]> ContentAsync(ushort volume)
    {
        var content = new byte[SizeBytes];
        _disks[volume].Read(0, content);
        return Task.FromResult(content);
    }

    private Task Apply(ushort volume, int offset, int length, bool zero)
    {
        const int sector = GuestWrite.SectorBytes;
        _disks[volume].Apply(
            new GuestWrite(++_writes, volume, offset / sector, length / sector, zero, 0), length / sector);
        return Task.CompletedTask;
    }

    private GuestDisk NewDisk(int index) =>
        new(index, $"disk{index}", new long[SizeBytes / GuestWrite.SectorBytes]);
}
