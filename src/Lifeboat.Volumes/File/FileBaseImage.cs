// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Volumes.Files;

/// <summary>A raw file or block device as base image. What lies behind the volume's end is never touched.</summary>
internal sealed class FileBaseImage(RawFile file, long sizeBytes) : IBaseImage
{
    public long SizeBytes => sizeBytes;

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
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, sizeBytes - length, nameof(length));
    }
}
