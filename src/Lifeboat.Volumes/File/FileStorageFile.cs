// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Volumes.Files;

internal sealed class FileStorageFile(RawFile file) : IStorageFile
{
    public ValueTask<long> LengthAsync(CancellationToken ct) => ValueTask.FromResult(file.Length());

    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct) =>
        ValueTask.FromResult(file.Read(offset, buffer.Span));

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        file.Write(offset, data.Span);
        return ValueTask.CompletedTask;
    }

    public ValueTask ZeroAsync(long offset, long length, CancellationToken ct)
    {
        if (offset + length > file.Length()) file.SetLength(offset + length);
        file.Zero(offset, length);
        return ValueTask.CompletedTask;
    }

    public ValueTask SetLengthAsync(long length, CancellationToken ct)
    {
        file.SetLength(length);
        return ValueTask.CompletedTask;
    }

    public ValueTask FlushAsync(CancellationToken ct)
    {
        file.Flush();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        file.Dispose();
        return ValueTask.CompletedTask;
    }
}
