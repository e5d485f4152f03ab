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
    public const int CurrentVersion = 2;
    // Streams that began and ended without a gap forgotten; whoever is behind more of them is compared.
    private const int PositionsMax = 32;
    private const string Name = "basis.json";
    private const string Aside = "basis.json.new";
    private bool _loaded;

    public Guid Replica { get; private set; }
    public IReadOnlyList<MapPosition> Positions { get; private set; } = [];
    /// <summary>The moment that the maps begin at, in a group that is read in moments.</summary>
    public DateTimeOffset? At { get; private set; }

    /// <summary>Whether all that this replica lacks is in the maps. Reads the file the first time.</summary>
    /// <exception cref="StorageException">It cannot be read, or is damaged.</exception>
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
        var bytes = CheckedJson.Encode(new MapBasisFile(CurrentVersion, replica, positions, at));
        await using (var file = await storage.OpenAsync(Aside, create: true, ct))
        {
            await file.SetLengthAsync(0, ct);
            await file.WriteAsync(0, bytes, ct);
        }
        await storage.RenameAsync(Aside, Name, ct);
    }

    // Damaged it is told once: nothing is trusted then, and the next that is written is whole.
    private async Task LoadAsync(CancellationToken ct)
    {
        var bytes = storage is null ? null : await BytesAsync(storage, ct);
        _loaded = true;
        if (bytes is not null && Read(bytes) is { } known)
            (Replica, Positions, At) = (known.Replica, known.Positions, known.At);
    }

    private static async Task<byte[]?> BytesAsync(IStorage storage, CancellationToken ct)
    {
        if (!await storage.ExistsAsync(Name, ct)) return null;
        await using var file = await storage.OpenAsync(Name, create: false, ct);
        var bytes = new byte[await file.LengthAsync(ct)];
        return bytes[..await file.ReadAsync(0, bytes, ct)];
    }

    private static MapBasisFile? Read(byte[] bytes)
    {
        try
        {
            var known = CheckedJson.Decode<MapBasisFile>(bytes);
            // Version 1 had no checksum. One flipped bit does not make a 2 into a 1.
            if (known?.Version is 1 || CheckedJson.IsWhole(bytes))
                return known is { Version: 1 or CurrentVersion, Positions: not null } ? known : null;
        }
        catch (JsonException e)
        {
            throw Damaged(e);
        }
        throw Damaged(null);
    }

    private static StorageException Damaged(Exception? cause) =>
        new(StorageFault.Unreadable, $"{Name} is not what was written", cause);

    private sealed record MapBasisFile(
        int Version, Guid Replica, IReadOnlyList<MapPosition> Positions, DateTimeOffset? At = null);
}

/// <param name="From">Least sequence of the stream that is enough.</param>
internal readonly record struct MapPosition(Guid Stream, long From);
