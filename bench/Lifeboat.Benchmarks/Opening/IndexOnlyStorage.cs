// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Benchmarks.Opening;

/// <summary>
/// A real folder, but for the data of segments, which is not kept: opening a point reads indexes only, and ten million
/// records with their data would not fit everywhere.
/// </summary>
internal sealed class IndexOnlyStorage(IStorage inner) : IStorage
{
    public async ValueTask<IStorageFile> OpenAsync(string name, bool create, CancellationToken ct)
    {
        var file = await inner.OpenAsync(name, create, ct);
        return name.EndsWith(".lbj", StringComparison.Ordinal) ? new HeadOnlyFile(file) : file;
    }

    public ValueTask<bool> ExistsAsync(string name, CancellationToken ct) => inner.ExistsAsync(name, ct);
    public ValueTask DeleteAsync(string name, CancellationToken ct) => inner.DeleteAsync(name, ct);
    public ValueTask RenameAsync(string from, string to, CancellationToken ct) => inner.RenameAsync(from, to, ct);
    public ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken ct) => inner.ListAsync(ct);
    public ValueTask SyncAsync(CancellationToken ct) => ValueTask.CompletedTask;
    public ValueTask<long> FreeBytesAsync(CancellationToken ct) => inner.FreeBytesAsync(ct);

    private sealed class HeadOnlyFile(IStorageFile inner) : IStorageFile
    {
        private const int HeadBytes = 4096;

        public ValueTask<long> LengthAsync(CancellationToken ct) => inner.LengthAsync(ct);

        public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct) =>
            inner.ReadAsync(offset, buffer, ct);

        public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct) =>
            offset < HeadBytes ? inner.WriteAsync(offset, data, ct) : ValueTask.CompletedTask;

        public ValueTask ZeroAsync(long offset, long length, CancellationToken ct) => ValueTask.CompletedTask;
        public ValueTask SetLengthAsync(long length, CancellationToken ct) => inner.SetLengthAsync(length, ct);
        public ValueTask FlushAsync(CancellationToken ct) => ValueTask.CompletedTask;
        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
