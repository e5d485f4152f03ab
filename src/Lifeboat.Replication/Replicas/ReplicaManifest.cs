// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Replication.Replicas;

/// <summary>
/// What a replica must know besides base images and journal, as `manifest.json`. Replaced whole: written aside,
/// flushed, renamed, synced. Format: docs/formats/replica.md.
/// </summary>
/// <param name="Folded">The base stands at this sequence, at least.</param>
/// <param name="FoldingTo">Folding may have touched the base up to here: no state before it can be opened.</param>
/// <param name="StreamId">The stream as of <paramref name="Folded"/>; later ones are in the journal.</param>
/// <param name="InBatch">A batch is open as of <paramref name="Folded"/>.</param>
/// <param name="Seeded">A base began with other content than zeroes.</param>
internal sealed record ReplicaManifest(
    int Version, Guid ReplicaId, string Group, long Epoch, long Folded, long FoldingTo, Guid StreamId, bool InBatch,
    bool Seeded, IReadOnlyList<ManifestVolume> Volumes, IReadOnlyList<ManifestPin> Pins,
    IReadOnlyList<ManifestView> Views)
{
    public const int CurrentVersion = 1;

    private const string Name = "manifest.json";
    private const string Aside = "manifest.json.new";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <returns>Null: this storage has no replica.</returns>
    /// <exception cref="ReplicaException">Corrupt.</exception>
    public static async Task<ReplicaManifest?> ReadAsync(IStorage storage, CancellationToken ct)
    {
        if (!await storage.ExistsAsync(Name, ct)) return null;
        await using var file = await storage.OpenAsync(Name, create: false, ct);
        var bytes = new byte[await file.LengthAsync(ct)];
        var count = await file.ReadAsync(0, bytes, ct);
        try
        {
            var manifest = JsonSerializer.Deserialize<ReplicaManifest>(bytes.AsSpan(0, count), Json);
            if (manifest is { Version: CurrentVersion, Volumes: not null, Pins: not null, Views: not null })
                return manifest;
            throw new ReplicaException(ReplicaFault.Corrupt, $"manifest.json has version {manifest?.Version}");
        }
        catch (JsonException e)
        {
            throw new ReplicaException(ReplicaFault.Corrupt, "manifest.json cannot be read", e);
        }
    }

    public static async Task DeleteAsync(IStorage storage, CancellationToken ct)
    {
        await storage.DeleteAsync(Name, ct);
        await storage.SyncAsync(ct);
    }

    /// <summary>Durable once it returns. When it fails, either version may be there.</summary>
    public async Task WriteAsync(IStorage storage, CancellationToken ct)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(this, Json);
        await using (var file = await storage.OpenAsync(Aside, create: true, ct))
        {
            await file.SetLengthAsync(0, ct);
            await file.WriteAsync(0, bytes, ct);
            await file.FlushAsync(ct);
        }
        await storage.RenameAsync(Aside, Name, ct);
        await storage.SyncAsync(ct);
    }
}

internal sealed record ManifestVolume(ushort Index, string Name, long SizeBytes);

/// <summary>A named lease on a point.</summary>
internal sealed record ManifestPin(string Name, Guid PointId, long Sequence);

/// <summary>A view that holds folding back until it is closed, also over a restart.</summary>
internal sealed record ManifestView(string Name, long Sequence, bool Writable);
