// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Testing.Storage;

/// <summary>A folder of a simulated disk: the in-memory and faulty twin of the real storage.</summary>
public sealed class SimulatedStorage(SimulatedDisk disk, string folder = "") : IStorage
{
    private readonly int _generation = disk.Generation;

    public async ValueTask<IStorageFile> OpenAsync(string name, bool create, CancellationToken ct)
    {
        await EnterAsync(DiskVerb.Open, name, ct);
        var inode = disk.Folder(folder).Find(name);
        if (inode is null && !create)
            throw new StorageException(StorageFault.NotFound, $"{name} is not there");
        if (inode is null)
        {
            inode = disk.Folder(folder).Create(name, disk.NextOrder());
            disk.Did(folder, DiskVerb.Open, name);
        }
        return new SimulatedStorageFile(disk, folder, name, inode, _generation);
    }

    public async ValueTask<bool> ExistsAsync(string name, CancellationToken ct)
    {
        await EnterAsync(DiskVerb.Read, name, ct);
        return disk.Folder(folder).Find(name) is not null;
    }

    public async ValueTask DeleteAsync(string name, CancellationToken ct)
    {
        await EnterAsync(DiskVerb.Delete, name, ct);
        if (disk.Folder(folder).Find(name) is null) return;
        disk.Folder(folder).Delete(name, disk.NextOrder());
        disk.Did(folder, DiskVerb.Delete, name);
    }

    public async ValueTask RenameAsync(string from, string to, CancellationToken ct)
    {
        await EnterAsync(DiskVerb.Rename, from, ct);
        if (disk.Folder(folder).Find(from) is null)
            throw new StorageException(StorageFault.NotFound, $"{from} is not there");
        disk.Folder(folder).Rename(from, to, disk.NextOrder());
        disk.Did(folder, DiskVerb.Rename, to);
    }

    public async ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken ct)
    {
        await EnterAsync(DiskVerb.Read, "", ct);
        return [.. disk.Folder(folder).Names];
    }

    public async ValueTask SyncAsync(CancellationToken ct)
    {
        var before = disk.Order;
        await EnterAsync(DiskVerb.Sync, "", ct);
        if (disk.Lies || disk.LeavesOut(DiskVerb.Sync, folder, "")) return;
        disk.Folder(folder).Sync(before);
        disk.Did(folder, DiskVerb.Sync, "");
    }

    public async ValueTask<long> FreeBytesAsync(CancellationToken ct)
    {
        await EnterAsync(DiskVerb.Read, "", ct);
        return disk.CapacityBytes == long.MaxValue ? long.MaxValue : disk.CapacityBytes - disk.AllocatedBytes;
    }

    private ValueTask EnterAsync(DiskVerb verb, string name, CancellationToken ct) =>
        disk.EnterAsync(new DiskOperation(verb, name, 0, 0), _generation, ct);
}
