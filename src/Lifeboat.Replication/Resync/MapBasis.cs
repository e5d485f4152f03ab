// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Journaling.Storage;
using Lifeboat.Replication.Linking;

namespace Lifeboat.Replication.Resync;

/// <summary>
/// What a replica must have for the change maps to hold all else: where in which streams they begin. A replica that
/// stands elsewhere, as one that was put back from an older copy does, is compared. Kept as `basis.json`, so that an
/// agent that starts again knows it too; without it nothing is trusted. Format: docs/formats/maps.md.
/// </summary>
/// <remarks>
/// Not flushed: the maps live in the memory of instances, and what ends the host ends those.
/// </remarks>
internal sealed class MapBasis(IStorage? storage)
{
    public const int CurrentVersion = 1;
    // Streams that began and ended without a gap forgotten; whoever is behind more of them is compared.
    private const int PositionsMax = 32;
    private const string Name = "basis.json";
    private const string Aside = "basis.json.new";
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };
    private bool _loaded;

    public Guid Replica { get; private set; }
    public IReadOnlyList<MapPosition> Positions { get; private set; } = [];
    /// <summary>The moment that the maps begin at, in a group that is read in moments.</summary>
    public DateTimeOffset? At { get; private set; }

    /// <summary>Whether all that this replica lacks is in the maps. Reads the file the first time.</summary>
    public async Task<bool> FitsAsync(HelloReply reply, CancellationToken ct)
    {
        if (!_loaded) await LoadAsync(ct);
        return reply.Replica == Replica
            && Positions.Any(p => p.Stream == reply.StreamId && p.From <= reply.Durable);
    }

    /// <summary>A stream begins behind a position that fits: whoever has some of it fits as well.</summary>
    public Task BeginAsync(Guid stream, long from, CancellationToken ct)
    {
        if (Positions.Any(p => p.Stream == stream)) return Task.CompletedTask;
        Positions = [.. Positions.TakeLast(PositionsMax - 1), new MapPosition(stream, from)];
        return WriteAsync(Replica, Positions, At, ct);
    }

    /// <summary>To be called before a map is dropped: from now on less than this is not enough.</summary>
    /// <exception cref="StorageException">It is not written down: the map must stay.</exception>
    public async Task MoveAsync(Guid replica, Guid stream, long sequence, DateTimeOffset? at, CancellationToken ct)
    {
        IReadOnlyList<MapPosition> positions = [new(stream, sequence)];
        await WriteAsync(replica, positions, at, ct);
        (Replica, Positions, At) = (replica, positions, at);
    }

    private async Task WriteAsync(
        Guid replica, IReadOnlyList<MapPosition> positions, DateTimeOffset? at, CancellationToken ct)
    {
        if (storage is null) return;
        var bytes = JsonSerializer.SerializeToUtf8Bytes(new MapBasisFile(CurrentVersion, replica, positions, at), Json);
        await using (var file = await storage.OpenAsync(Aside, create: true, ct))
        {
            await file.SetLengthAsync(0, ct);
            await file.WriteAsync(0, bytes, ct);
        }
        await storage.RenameAsync(Aside, Name, ct);
    }

    private async Task LoadAsync(CancellationToken ct)
    {
        if (storage is not null && await ReadAsync(storage, ct) is { } known)
            (Replica, Positions, At) = (known.Replica, known.Positions, known.At);
        _loaded = true;
    }

    private static async Task<MapBasisFile?> ReadAsync(IStorage storage, CancellationToken ct)
    {
        if (!await storage.ExistsAsync(Name, ct)) return null;
        await using var file = await storage.OpenAsync(Name, create: false, ct);
        var bytes = new byte[await file.LengthAsync(ct)];
        var count = await file.ReadAsync(0, bytes, ct);
        try
        {
            var known = JsonSerializer.Deserialize<MapBasisFile>(bytes.AsSpan(0, count), Json);
            return known is { Version: CurrentVersion, Positions: not null } ? known : null;
        }
        catch (JsonException)
        {
            return null; // the host crashed while it was written, or it is of another release
        }
    }

    private sealed record MapBasisFile(
        int Version, Guid Replica, IReadOnlyList<MapPosition> Positions, DateTimeOffset? At = null);
}

/// <param name="From">Least sequence of the stream that is enough.</param>
internal readonly record struct MapPosition(Guid Stream, long From);
