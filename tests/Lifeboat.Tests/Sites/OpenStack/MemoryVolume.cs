// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack.Filling;

namespace Lifeboat.Tests.Sites.OpenStack;

/// <summary>A volume in memory, which can be cut off in the middle of its writes.</summary>
internal sealed class MemoryVolume(byte[] content) : IOpenVolume, IReadableVolume
{
    private int _writes;

    /// <summary>Writes that are still carried out; after them the way is gone.</summary>
    public int WritesLeft { get; set; } = int.MaxValue;
    public long Flushed { get; private set; }
    public byte[] Content => content;

    public long SizeBytes => content.Length;

    public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        content.AsMemory((int)offset, buffer.Length).CopyTo(buffer);
        return ValueTask.CompletedTask;
    }

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        Check(offset, data.Length);
        data.CopyTo(content.AsMemory((int)offset));
        return ValueTask.CompletedTask;
    }

    public ValueTask ZeroAsync(long offset, long length, CancellationToken ct)
    {
        Check(offset, length);
        content.AsSpan((int)offset, (int)length).Clear();
        return ValueTask.CompletedTask;
    }

    public ValueTask FlushAsync(CancellationToken ct)
    {
        Flushed = Volatile.Read(ref _writes);
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void Check(long offset, long length)
    {
        Assert.Equal(0, offset % 4096);
        Assert.True(length % 4096 == 0 || offset + length == content.Length, $"{offset}+{length} is not in blocks");
        if (Interlocked.Increment(ref _writes) > WritesLeft)
            throw new SiteException(SiteFault.CloudUnavailable, "the way is gone");
    }
}

/// <summary>A volume that can only be written.</summary>
internal sealed class BlindVolume(MemoryVolume inner) : IOpenVolume
{
    public long SizeBytes => inner.SizeBytes;

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct) =>
        inner.WriteAsync(offset, data, ct);

    public ValueTask ZeroAsync(long offset, long length, CancellationToken ct) => inner.ZeroAsync(offset, length, ct);

    public ValueTask FlushAsync(CancellationToken ct) => inner.FlushAsync(ct);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
