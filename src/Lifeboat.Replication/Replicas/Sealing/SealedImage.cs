// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Sealing;
using Lifeboat.Replication.Replicas.Checksums;

namespace Lifeboat.Replication.Replicas.Sealing;

/// <summary>A base image that is encrypted where it lies; it has the size and the holes of a plain one.</summary>
internal sealed class SealedImage : IBaseImage, IGrowingImage
{
    private readonly IBaseImage _image;
    private readonly SectorCipher _cipher;
    private readonly SealedBytes _bytes;

    /// <param name="image">Its size is a multiple of 512.</param>
    public SealedImage(IBaseImage image, SectorCipher cipher)
    {
        (_image, _cipher) = (image, cipher);
        _bytes = new SealedBytes(new ImageFile(image), cipher, headBytes: 0, hasLength: false);
    }

    public long SizeBytes => _image.SizeBytes;

    public ValueTask GrowAsync(long sizeBytes, CancellationToken ct) => _image is IGrowingImage growing
        ? growing.GrowAsync(sizeBytes, ct)
        : throw new ReplicaStoreException(ReplicaStoreFault.TargetTooSmall, "the image below cannot grow");

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        Check(offset, buffer.Length);
        await _bytes.ReadAsync(offset, buffer, ct);
    }

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        Check(offset, data.Length);
        return _bytes.WriteAsync(offset, data, ct);
    }

    public ValueTask ZeroAsync(long offset, long length, CancellationToken ct)
    {
        Check(offset, length);
        return _bytes.ZeroAsync(offset, length, ct);
    }

    public ValueTask FlushAsync(CancellationToken ct) => _image.FlushAsync(ct);

    public ValueTask DisposeAsync()
    {
        _cipher.Dispose();
        return _image.DisposeAsync();
    }

    private void Check(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, SizeBytes - length, nameof(length));
    }
}
