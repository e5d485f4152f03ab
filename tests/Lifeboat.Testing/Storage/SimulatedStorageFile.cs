// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Testing.Storage;

internal sealed class SimulatedStorageFile(SimulatedDisk disk, string folder, string name, SimulatedInode inode,
    int generation) : IStorageFile
{
    public async ValueTask<long> LengthAsync(CancellationToken ct)
    {
        await EnterAsync(DiskVerb.Read, 0, 0, ct);
        return inode.Cache.Length;
    }

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        await EnterAsync(DiskVerb.Read, offset, buffer.Length, ct);
        if (inode.IsSpoilt(offset, Math.Min(buffer.Length, inode.Cache.Length - offset)))
            throw new StorageException(StorageFault.Unreadable, $"{name}: the medium does not give byte {offset}");
        return inode.Cache.Read(offset, buffer.Span);
    }

    /// <summary>Nothing was ever written there, or it was punched.</summary>
    public bool IsHole(long offset, long length) => inode.Cache.IsHole(offset, length);

    public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        try
        {
            await EnterAsync(DiskVerb.Write, offset, data.Length, ct);
        }
        catch (StorageException e) when (e.Fault == StorageFault.Full)
        {
            WriteSome(offset, data);
            throw;
        }
        if (inode.CutsSpoilt(offset, data.Length)) throw new StorageException(StorageFault.Io, $"{name}: bad sector");
        if (!disk.HasRoomFor(inode.Cache.NewBytes(offset, data.Length)))
        {
            WriteSome(offset, data);
            throw new StorageException(StorageFault.Full, $"{name}: the simulated disk is full");
        }
        var lands = disk.Misdirects?.Invoke(folder, name, offset, data.Length, inode.Cache.Length) ?? offset;
        inode.Write(lands, data.Span, disk.NextOrder());
        disk.Did(folder, DiskVerb.Write, name);
    }

    public async ValueTask ZeroAsync(long offset, long length, CancellationToken ct)
    {
        await EnterAsync(DiskVerb.Zero, offset, length, ct);
        if (disk.LeavesOut(DiskVerb.Zero, folder, name)) return;
        if (inode.CutsSpoilt(offset, length)) throw new StorageException(StorageFault.Io, $"{name}: bad sector");
        inode.Zero(offset, length, disk.NextOrder());
        disk.Did(folder, DiskVerb.Zero, name);
    }

    public async ValueTask SetLengthAsync(long length, CancellationToken ct)
    {
        await EnterAsync(DiskVerb.SetLength, 0, length, ct);
        inode.SetLength(length, disk.NextOrder());
        disk.Did(folder, DiskVerb.SetLength, name);
    }

    public async ValueTask FlushAsync(CancellationToken ct)
    {
        var before = disk.Order;
        await EnterAsync(DiskVerb.Flush, 0, 0, ct);
        if (disk.Lies || disk.LeavesOut(DiskVerb.Flush, folder, name)) return;
        inode.Flush(before);
        disk.Did(folder, DiskVerb.Flush, name);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    // A full disk takes what fits: a short write, as the kernel does it.
    private void WriteSome(long offset, ReadOnlyMemory<byte> data)
    {
        var some = disk.Prng.Next(data.Length + 1);
        while (some > 0 && !disk.HasRoomFor(inode.Cache.NewBytes(offset, some))) some /= 2;
        if (some > 0) inode.Write(offset, data.Span[..some], disk.NextOrder());
    }

    private ValueTask EnterAsync(DiskVerb verb, long offset, long length, CancellationToken ct) =>
        disk.EnterAsync(new DiskOperation(verb, name, offset, length), generation, ct);
}
