// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Replication.Replicas;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Testing.Replicas;

internal sealed class SimulatedBaseImage(IStorageFile file, long size, bool ours) : IBaseImage, IGrowingImage
{
    private long _size = size;

    public long SizeBytes => _size;

    public async ValueTask GrowAsync(long sizeBytes, CancellationToken ct)
    {
        var length = await file.LengthAsync(ct);
        if (length < sizeBytes && !ours)
            throw new ReplicaStoreException(ReplicaStoreFault.TargetTooSmall, $"the target has {length} bytes");
        if (length < sizeBytes)
        {
            await file.SetLengthAsync(sizeBytes, ct);
            await file.FlushAsync(ct);
        }
        _size = Math.Max(_size, sizeBytes);
    }

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        Check(offset, buffer.Length);
        await file.ReadAsync(offset, buffer, ct);
    }

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        Check(offset, data.Length);
        return file.WriteAsync(offset, data, ct);
    }

    public ValueTask ZeroAsync(long offset, long length, CancellationToken ct)
    {
        Check(offset, length);
        return file.ZeroAsync(offset, length, ct);
    }

    public ValueTask FlushAsync(CancellationToken ct) => file.FlushAsync(ct);
    public bool IsHole(long offset, long length) =>
        file is SimulatedStorageFile simulated && simulated.IsHole(offset, length);

    public ValueTask DisposeAsync() => file.DisposeAsync();

    private void Check(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + length, _size, nameof(length));
    }
}
