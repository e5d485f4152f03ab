// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Volumes.Files;

/// <summary>A raw file or block device as base image. What lies behind the volume's end is never touched.</summary>
/// <param name="ours">Made by the store, which may make it longer; else a disk of the user's.</param>
internal sealed class FileBaseImage(RawFile file, long size, bool ours) : IBaseImage, IGrowingImage
{
    private long _size = size;

    public long SizeBytes => Volatile.Read(ref _size);

    public ValueTask GrowAsync(long sizeBytes, CancellationToken ct)
    {
        var length = file.Length();
        if (length < sizeBytes && !ours)
            throw new ReplicaStoreException(ReplicaStoreFault.TargetTooSmall,
                $"target disk {file.Path} has {length} bytes, its volume needs {sizeBytes}");
        if (length < sizeBytes)
        {
            file.SetLength(sizeBytes);
            file.Flush();
        }
        Volatile.Write(ref _size, Math.Max(SizeBytes, sizeBytes));
        return ValueTask.CompletedTask;
    }

    public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        Check(offset, buffer.Length);
        var count = file.Read(offset, buffer.Span);
        buffer.Span[count..].Clear();
        return ValueTask.CompletedTask;
    }

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        Check(offset, data.Length);
        file.Write(offset, data.Span);
        return ValueTask.CompletedTask;
    }

    public ValueTask ZeroAsync(long offset, long length, CancellationToken ct)
    {
        Check(offset, length);
        file.Zero(offset, length);
        return ValueTask.CompletedTask;
    }

    public ValueTask FlushAsync(CancellationToken ct)
    {
        file.Flush();
        return ValueTask.CompletedTask;
    }

    public bool IsHole(long offset, long length)
    {
        Check(offset, length);
        return file.IsHole(offset, length);
    }

    public ValueTask DisposeAsync()
    {
        file.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Check(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, SizeBytes - length, nameof(length));
    }
}
