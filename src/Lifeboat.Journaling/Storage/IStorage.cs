// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Journaling.Storage;

/// <summary>
/// A flat directory of files that the journal, manifests and overlays live in. POSIX rules: a write is durable after
/// <see cref="IStorageFile.FlushAsync"/>, a create, rename or delete after <see cref="SyncAsync"/>. Real storage
/// answers
/// synchronously (the returned task is complete); the simulator's may take time, fail, tear and lose.
/// Every failure is a <see cref="StorageException"/>.
/// </summary>
public interface IStorage
{
    /// <summary>Opens for reading and writing; creates an empty file when <paramref name="create"/> and
    /// absent.</summary>
    ValueTask<IStorageFile> OpenAsync(string name, bool create, CancellationToken ct);
    ValueTask<bool> ExistsAsync(string name, CancellationToken ct);
    /// <summary>Deleting what is not there succeeds.</summary>
    ValueTask DeleteAsync(string name, CancellationToken ct);
    /// <summary>Atomic; replaces the target.</summary>
    ValueTask RenameAsync(string from, string to, CancellationToken ct);
    ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken ct);
    /// <summary>Makes directory entries durable (fsync of the directory).</summary>
    ValueTask SyncAsync(CancellationToken ct);
    /// <summary>Bytes that can still be written, as the file system says.</summary>
    ValueTask<long> FreeBytesAsync(CancellationToken ct);
}

/// <summary>One file. Offsets and lengths are bytes. Reading past the end returns fewer bytes.</summary>
public interface IStorageFile : IAsyncDisposable
{
    ValueTask<long> LengthAsync(CancellationToken ct);
    ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct);
    ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct);
    /// <summary>Makes the range read as zeroes, without allocating where the file system can.</summary>
    ValueTask ZeroAsync(long offset, long length, CancellationToken ct);
    ValueTask SetLengthAsync(long length, CancellationToken ct);
    /// <summary>fdatasync. After a failed flush the file must be abandoned: its state is unknown.</summary>
    ValueTask FlushAsync(CancellationToken ct);
}

public enum StorageFault
{
    Io = 1,
    Full = 2,
    NotFound = 3,
    /// <summary>The medium cannot give these bytes; others it may. A shorter read may say which.</summary>
    Unreadable = 4,
}

public sealed class StorageException(StorageFault fault, string message, Exception? cause = null)
    : Exception(message, cause)
{
    public StorageFault Fault => fault;
}
