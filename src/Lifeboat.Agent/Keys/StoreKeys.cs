// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Journaling.Sealing;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Volumes.Files;

namespace Lifeboat.Agent.Keys;

// The keys of stores, each locked with the key of the group's tenant. A store that was made without one stays plain.
internal static class StoreKeys
{
    private const string Folder = "key";

    public static byte[] NewSalt() => RandomNumberGenerator.GetBytes(32);

    /// <param name="store">Directory of the store.</param>
    /// <param name="isNew">Nothing is in it yet: it gets a key when the site has encryption.</param>
    /// <returns>Null: it is not encrypted.</returns>
    /// <exception cref="ProblemException">
    /// KeyUnavailable: a key file cannot be used, or none that is configured opens this store.
    /// </exception>
    public static async Task<StoreKey?> OfAsync(
        SitePaths paths, string group, string store, bool isNew, CancellationToken ct)
    {
        var settings = SiteConfiguration.Read(paths.Root).Encryption;
        var folder = Path.Combine(store, Folder);
        if (!Directory.Exists(folder) && (!isNew || settings is null)) return null;
        var storage = new FileStorage(folder);
        if (!await LockedKey.AreThereAsync(storage, ct))
            return isNew && settings is not null ? await MakeAsync(storage, settings, group, ct) : null;
        return await OpenAsync(storage, settings, group, store, ct);
    }

    private static async Task<StoreKey> MakeAsync(
        FileStorage storage, EncryptionSettings settings, string group, CancellationToken ct)
    {
        var by = LockingKey.Read(settings.TenantOf(group)?.KeyFile ?? settings.KeyFile);
        var bytes = RandomNumberGenerator.GetBytes(StoreKey.Length);
        var key = new StoreKey(Guid.NewGuid(), bytes);
        await LockedKey.Lock(key.Id, bytes, by).WriteAsync(storage, ct);
        CryptographicOperations.ZeroMemory(bytes);
        return key;
    }

    private static async Task<StoreKey> OpenAsync(FileStorage storage, EncryptionSettings? settings, string group,
        string store, CancellationToken ct)
    {
        if (settings is null)
            throw Unavailable(store, "site.json has no encryption settings; put those back that it was made with");
        var tenant = settings.TenantOf(group);
        var current = LockingKey.Read(tenant?.KeyFile ?? settings.KeyFile);
        var old = (tenant is null ? settings.OldKeyFiles : tenant.OldKeyFiles).Select(LockingKey.Read);
        var found = await LockedKey.ReadAsync(storage, ct);
        if (found.Count == 0) throw Unavailable(store, "key.json cannot be read, nor its copy");
        foreach (var by in old.Prepend(current))
            foreach (var locked in found.Where(f => f.LockedBy == by.Fingerprint))
            {
                if (locked.TryUnlock(by) is not { } bytes) continue;
                var key = new StoreKey(locked.Id, bytes);
                // Also what makes a damaged one of the two whole again.
                if (by != current || found.Count < 2 || found.Any(f => f.LockedBy != current.Fingerprint))
                    await LockedKey.Lock(locked.Id, bytes, current).WriteAsync(storage, ct);
                CryptographicOperations.ZeroMemory(bytes);
                return key;
            }
        throw Unavailable(store, $"it is locked with key {found[0].LockedBy}; the group's key file has key "
            + $"{current.Fingerprint}. Name the old key file under oldKeyFiles.");
    }

    private static ProblemException Unavailable(string store, string detail) =>
        new(ReasonCode.KeyUnavailable, $"{store} is encrypted and cannot be opened", detail);
}
