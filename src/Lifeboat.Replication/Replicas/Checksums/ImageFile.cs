// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Replication.Replicas.Checksums;

/// <summary>A base image where a file is wanted. Its length is fixed.</summary>
internal sealed class ImageFile(IBaseImage image) : IStorageFile
{
    public ValueTask<long> LengthAsync(CancellationToken ct) => ValueTask.FromResult(image.SizeBytes);

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        await image.ReadAsync(offset, buffer, ct);
        return buffer.Length;
    }

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct) =>
        image.WriteAsync(offset, data, ct);

    public ValueTask ZeroAsync(long offset, long length, CancellationToken ct) => image.ZeroAsync(offset, length, ct);

    public ValueTask SetLengthAsync(long length, CancellationToken ct) =>
        throw new InvalidOperationException("a base image keeps its size");

    public ValueTask FlushAsync(CancellationToken ct) => image.FlushAsync(ct);
    public ValueTask DisposeAsync() => image.DisposeAsync();
}
