// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Lifeboat.Journaling.Sealing;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Agent.Keys;

/// <summary>
/// The key of a store as it lies beside it: `key.json`, and the same once more as `key.copy`. Locked with AES-256-GCM;
/// the key's id is authenticated with it. Format: docs/formats/sealing.md.
/// </summary>
/// <param name="Id">Of the store's key.</param>
/// <param name="LockedBy">Fingerprint of the key that locks it.</param>
internal sealed record LockedKey(int Version, Guid Id, string LockedBy, byte[] Nonce, byte[] Locked, byte[] Tag)
{
    private const int CurrentVersion = 1;
    private const int NonceBytes = 12, TagBytes = 16;
    private static readonly string[] Names = ["key.json", "key.copy"];
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static LockedKey Lock(Guid id, ReadOnlySpan<byte> key, LockingKey by)
    {
        var nonce = RandomNumberGenerator.GetBytes(NonceBytes);
        var (locked, tag) = (new byte[key.Length], new byte[TagBytes]);
        using var aes = new AesGcm(by.Key, TagBytes);
        aes.Encrypt(nonce, key, locked, tag, BoundTo(id));
        return new LockedKey(CurrentVersion, id, by.Fingerprint, nonce, locked, tag);
    }

    /// <returns>Null: not with this key, or it was changed.</returns>
    public byte[]? TryUnlock(LockingKey by)
    {
        var key = new byte[Locked.Length];
        try
        {
            using var aes = new AesGcm(by.Key, TagBytes);
            aes.Decrypt(Nonce, Locked, Tag, key, BoundTo(Id));
            return key;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    /// <summary>All that can be read of the two; they differ when one is damaged or a change was cut off.</summary>
    public static async Task<IReadOnlyList<LockedKey>> ReadAsync(IStorage storage, CancellationToken ct)
    {
        var found = new List<LockedKey>();
        foreach (var name in Names)
            if (await storage.ExistsAsync(name, ct) && await TryReadAsync(storage, name, ct) is { } key)
                found.Add(key);
        return found;
    }

    public static async Task<bool> AreThereAsync(IStorage storage, CancellationToken ct) =>
        await storage.ExistsAsync(Names[0], ct) || await storage.ExistsAsync(Names[1], ct);

    /// <summary>One after the other, durably: one of them is whole at any time.</summary>
    public async Task WriteAsync(IStorage storage, CancellationToken ct)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(this, Json);
        foreach (var name in Names)
        {
            await using (var file = await storage.OpenAsync(name + ".new", create: true, ct))
            {
                await file.SetLengthAsync(0, ct);
                await file.WriteAsync(0, bytes, ct);
                await file.FlushAsync(ct);
            }
            await storage.RenameAsync(name + ".new", name, ct);
            await storage.SyncAsync(ct);
        }
    }

    private static async Task<LockedKey?> TryReadAsync(IStorage storage, string name, CancellationToken ct)
    {
        try
        {
            await using var file = await storage.OpenAsync(name, create: false, ct);
            var bytes = new byte[await file.LengthAsync(ct)];
            var count = await file.ReadAsync(0, bytes, ct);
            var key = JsonSerializer.Deserialize<LockedKey>(bytes.AsSpan(0, count), Json);
            return key is { Version: CurrentVersion, LockedBy: not null, Nonce.Length: NonceBytes, Tag.Length: TagBytes,
                Locked.Length: StoreKey.Length } ? key : null;
        }
        catch (Exception e) when (e is JsonException or StorageException { Fault: StorageFault.Unreadable })
        {
            return null;
        }
    }

    private static byte[] BoundTo(Guid id) => Encoding.UTF8.GetBytes($"lifeboat store key 1|{id:D}");
}
