// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Journaling.Sealing;

internal sealed class SealedFile(IStorageFile file, SectorCipher cipher) : IStorageFile
{
    private readonly SealedBytes _bytes = new(file, cipher, SealedFileHead.Bytes, hasLength: true);

    public ValueTask<long> LengthAsync(CancellationToken ct) => _bytes.LengthAsync(ct);

    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct) =>
        _bytes.ReadAsync(offset, buffer, ct);

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct) =>
        _bytes.WriteAsync(offset, data, ct);

    public ValueTask ZeroAsync(long offset, long length, CancellationToken ct) => _bytes.ZeroAsync(offset, length, ct);
    public ValueTask SetLengthAsync(long length, CancellationToken ct) => _bytes.SetLengthAsync(length, ct);
    public ValueTask FlushAsync(CancellationToken ct) => file.FlushAsync(ct);

    public ValueTask DisposeAsync()
    {
        cipher.Dispose();
        return file.DisposeAsync();
    }
}
