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
        return new SimulatedStorageFile(disk, name, inode ?? disk.Folder(folder).Create(name), _generation);
    }

    public async ValueTask<bool> ExistsAsync(string name, CancellationToken ct)
    {
        await EnterAsync(DiskVerb.Read, name, ct);
        return disk.Folder(folder).Find(name) is not null;
    }

    public async ValueTask DeleteAsync(string name, CancellationToken ct)
    {
        await EnterAsync(DiskVerb.Delete, name, ct);
        if (disk.Folder(folder).Find(name) is not null) disk.Folder(folder).Delete(name);
    }

    public async ValueTask RenameAsync(string from, string to, CancellationToken ct)
    {
        await EnterAsync(DiskVerb.Rename, from, ct);
        if (disk.Folder(folder).Find(from) is null)
            throw new StorageException(StorageFault.NotFound, $"{from} is not there");
        disk.Folder(folder).Rename(from, to);
    }

    public async ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken ct)
    {
        await EnterAsync(DiskVerb.Read, "", ct);
        return [.. disk.Folder(folder).Names];
    }

    public async ValueTask SyncAsync(CancellationToken ct)
    {
        var before = disk.Folder(folder).PendingChanges;
        await EnterAsync(DiskVerb.Sync, "", ct);
        disk.Folder(folder).Sync(before);
    }

    public async ValueTask<long> FreeBytesAsync(CancellationToken ct)
    {
        await EnterAsync(DiskVerb.Read, "", ct);
        return disk.CapacityBytes == long.MaxValue ? long.MaxValue : disk.CapacityBytes - disk.AllocatedBytes;
    }

    private ValueTask EnterAsync(DiskVerb verb, string name, CancellationToken ct) =>
        disk.EnterAsync(new DiskOperation(verb, name, 0, 0), _generation, ct);
}
