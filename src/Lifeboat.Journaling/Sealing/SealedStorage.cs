// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Journaling.Sealing;

/// <summary>
/// A storage whose files are encrypted (docs/formats/sealing.md); their names and about their lengths are not hidden.
/// </summary>
/// <param name="newSalt">32 bytes, random in production, seeded in the simulator.</param>
/// <param name="mended">Told of a head that was damaged and made again: file and byte.</param>
public sealed class SealedStorage(
    IStorage storage, StoreKey key, Func<byte[]> newSalt, Action<string, long>? mended = null) : IStorage
{
    private const string Purpose = "lifeboat sealed file 1";

    /// <exception cref="StorageException">Io: the file was sealed with another key.</exception>
    public async ValueTask<IStorageFile> OpenAsync(string name, bool create, CancellationToken ct)
    {
        var file = await storage.OpenAsync(name, create, ct);
        try
        {
            var head = await HeadAsync(file, name, ct);
            return new SealedFile(file, key.CipherOf(Purpose, head.Salt));
        }
        catch
        {
            await file.DisposeAsync();
            throw;
        }
    }

    public ValueTask<bool> ExistsAsync(string name, CancellationToken ct) => storage.ExistsAsync(name, ct);
    public ValueTask DeleteAsync(string name, CancellationToken ct) => storage.DeleteAsync(name, ct);
    public ValueTask RenameAsync(string from, string to, CancellationToken ct) => storage.RenameAsync(from, to, ct);
    public ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken ct) => storage.ListAsync(ct);
    public ValueTask SyncAsync(CancellationToken ct) => storage.SyncAsync(ct);
    public ValueTask<long> FreeBytesAsync(CancellationToken ct) => storage.FreeBytesAsync(ct);

    // A file without a head that can be believed has nothing that was ever flushed: a crash came first. It is empty.
    private async ValueTask<SealedFileHead> HeadAsync(IStorageFile file, string name, CancellationToken ct)
    {
        if (await SealedFileHead.ReadAsync(file, ct) is { } read)
        {
            if (read.Head.Key != key.Id)
                throw new StorageException(
                    StorageFault.Io, $"{name} is sealed with key {read.Head.Key}, not with {key.Id}");
            if (read.Mended is { } at) mended?.Invoke(name, at);
            return read.Head;
        }
        if (await file.LengthAsync(ct) > SealedFileHead.Bytes) mended?.Invoke(name, 0);
        await file.SetLengthAsync(0, ct);
        var head = new SealedFileHead(key.Id, newSalt());
        await head.WriteAsync(file, ct);
        return head;
    }
}
