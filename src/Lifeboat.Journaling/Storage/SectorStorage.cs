// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Journaling.Storage;

/// <summary>
/// A storage whose files are <see cref="SectorFile"/>s: for owners that put a checksum on all they read.
/// </summary>
public sealed class SectorStorage(IStorage storage) : IStorage
{
    public async ValueTask<IStorageFile> OpenAsync(string name, bool create, CancellationToken ct) =>
        new SectorFile(await storage.OpenAsync(name, create, ct));

    public ValueTask<bool> ExistsAsync(string name, CancellationToken ct) => storage.ExistsAsync(name, ct);
    public ValueTask DeleteAsync(string name, CancellationToken ct) => storage.DeleteAsync(name, ct);
    public ValueTask RenameAsync(string from, string to, CancellationToken ct) => storage.RenameAsync(from, to, ct);
    public ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken ct) => storage.ListAsync(ct);
    public ValueTask SyncAsync(CancellationToken ct) => storage.SyncAsync(ct);
    public ValueTask<long> FreeBytesAsync(CancellationToken ct) => storage.FreeBytesAsync(ct);
}
