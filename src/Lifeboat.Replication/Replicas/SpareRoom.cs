// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Replication.Replicas;

/// <summary>
/// A file of bytes that mean nothing, kept so that it can be given up when the disk is full: then there is room for the
/// few manifests that it takes to open views, fold and trim.
/// </summary>
internal static class SpareRoom
{
    private const string Name = "spare";
    private const int Bytes = 256 << 10;

    public static async Task KeepAsync(IStorage storage, CancellationToken ct)
    {
        if (await storage.ExistsAsync(Name, ct)) return;
        var bytes = new byte[Bytes];
        Array.Fill(bytes, (byte)0xA5); // zeroes could be stored as a hole
        try
        {
            await using var file = await storage.OpenAsync(Name, create: true, ct);
            await file.WriteAsync(0, bytes, ct);
        }
        catch (StorageException e) when (e.Fault == StorageFault.Full)
        {
            await storage.DeleteAsync(Name, ct);
        }
    }

    /// <returns>False: it was given up before.</returns>
    public static async Task<bool> GiveUpAsync(IStorage storage)
    {
        if (!await storage.ExistsAsync(Name, CancellationToken.None)) return false;
        await storage.DeleteAsync(Name, CancellationToken.None);
        return true;
    }
}
