// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Replication.Replicas;

// The manifest on the medium: `manifest.json`, JSON with a checksum, and a copy for when that does not fit. Both are
// replaced whole: written aside, flushed, renamed, synced.
//
// Invariant
//   The copy gets its name first. So it is never older than the manifest, and as good when the manifest is damaged.
internal static class ManifestFile
{
    private const string Name = "manifest.json";
    private const string Copy = "manifest.copy";
    private const string Aside = ".new";

    /// <returns>Null: this storage has no replica. Else what it says, and which of the two is damaged.</returns>
    /// <exception cref="ReplicaException">Corrupt: neither manifest nor copy can be believed.</exception>
    public static async Task<(ReplicaManifest Manifest, string? Damaged)?> ReadAsync(
        IStorage storage, CancellationToken ct)
    {
        if (await BytesAsync(storage, Name, ct) is not { } bytes) return null;
        var copy = await BytesAsync(storage, Copy, ct);
        var same = copy is null ? null : TryDecode(copy);
        // A release before this one kept no copy.
        if (TryDecode(bytes) is { } manifest) return (manifest, copy is not null && same is null ? Copy : null);
        if (same is not null) return (same, Name);
        throw new ReplicaException(ReplicaFault.Corrupt, "manifest.json cannot be read, nor its copy");
    }

    /// <returns>The file that is not what was written last; null: both are.</returns>
    public static async Task<string?> DamagedAsync(ReplicaManifest manifest, IStorage storage, CancellationToken ct)
    {
        var bytes = Encode(manifest);
        foreach (var name in new[] { Name, Copy })
            if (await BytesAsync(storage, name, ct) is not { } found || !bytes.AsSpan().SequenceEqual(found))
                return name;
        return null;
    }

    public static async Task DeleteAsync(IStorage storage, CancellationToken ct)
    {
        await storage.DeleteAsync(Name, ct);
        await storage.SyncAsync(ct);
    }

    /// <summary>Durable once it returns. When it fails, either version may be there.</summary>
    public static async Task WriteAsync(ReplicaManifest manifest, IStorage storage, CancellationToken ct)
    {
        var bytes = Encode(manifest);
        await WriteAsideAsync(storage, Copy, bytes, ct);
        await WriteAsideAsync(storage, Name, bytes, ct);
        await storage.RenameAsync(Copy + Aside, Copy, ct);
        await storage.RenameAsync(Name + Aside, Name, ct);
        await storage.SyncAsync(ct);
    }

    internal static byte[] Encode(ReplicaManifest manifest) => CheckedJson.Encode(manifest);

    internal static ReplicaManifest? TryDecode(ReadOnlySpan<byte> bytes)
    {
        ReplicaManifest? manifest;
        try
        {
            manifest = CheckedJson.Decode<ReplicaManifest>(bytes);
        }
        catch (JsonException)
        {
            return null;
        }
        if (manifest is not { Volumes: not null, Pins: not null, Views: not null }) return null;
        // Before version 2 there was no checksum. One flipped bit does not make a 2 into a 1.
        return manifest.Version == 1
            || (manifest.Version == ReplicaManifest.CurrentVersion && CheckedJson.IsWhole(bytes))
            ? manifest with { Version = ReplicaManifest.CurrentVersion }
            : null;
    }

    private static async Task WriteAsideAsync(IStorage storage, string name, byte[] bytes, CancellationToken ct)
    {
        await using var file = await storage.OpenAsync(name + Aside, create: true, ct);
        await file.SetLengthAsync(0, ct);
        await file.WriteAsync(0, bytes, ct);
        await file.FlushAsync(ct);
    }

    private static async Task<byte[]?> BytesAsync(IStorage storage, string name, CancellationToken ct)
    {
        if (!await storage.ExistsAsync(name, ct)) return null;
        await using var file = await storage.OpenAsync(name, create: false, ct);
        var bytes = new byte[await file.LengthAsync(ct)];
        var count = await file.ReadAsync(0, bytes, ct);
        return bytes[..count];
    }
}
