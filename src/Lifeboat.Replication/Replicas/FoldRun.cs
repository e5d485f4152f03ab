// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Indexing;
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Replication.Replicas.Checksums;

namespace Lifeboat.Replication.Replicas;

/// <summary>
/// A run of records on its way into the base: read and verified once, in order, then written by offset. What a later
/// record of the run overwrites is never written, and short neighbours become one write. It stays in memory as it
/// stands in the journal: sources of extents are places there.
/// </summary>
/// <param name="bytesMax">About this many bytes of journal are read.</param>
/// <param name="room">
/// What an earlier run has left. Memory that is new to the process costs more than all else here.
/// </param>
internal sealed class FoldRun(
    IReadOnlyDictionary<ushort, long> sizes, StreamState state, int bytesMax, byte[] room)
{
    private const int OwnBytesMax = 16 << 20;

    private readonly Dictionary<ushort, ExtentMap> _maps = [];
    private readonly Dictionary<ushort, long> _stated = [];
    // What is read from the disk takes memory of its own; one that is to be done again must be whole.
    private readonly int _ownBytesMax = bytesMax == int.MaxValue ? bytesMax : Math.Min(bytesMax, OwnBytesMax);
    private readonly KeptStretches _kept = new(Math.Min(bytesMax, OwnBytesMax), room);

    public long Last { get; private set; }
    public long Bytes { get; private set; }
    public StreamState State { get; private set; } = state;

    /// <summary>The size of a volume behind this run; null: the run does not state it.</summary>
    public long? SizeOf(ushort volume) => _stated.TryGetValue(volume, out var size) ? size : null;

    /// <param name="found">Told of damaged records; what they had written counts as damaged from here on.</param>
    public async Task ReadAsync(
        Journal journal, long from, long to, Action<JournalDamage> found, CancellationToken ct)
    {
        var reader = journal.Read(from, to, passDamage: true, _kept);
        while (Bytes < bytesMax && _kept.OwnBytes < _ownBytesMax && await reader.ReadAsync(ct))
        {
            if (reader.Damage is { } damage) found(damage);
            Take(reader, reader.Damage is { Length: > 0 });
        }
    }

    /// <summary>The sums that images have once this is applied; must be known before it is.</summary>
    /// <param name="isMended">Of volume, offset, length: whether records up to the last of this run cover it
    /// all.</param>
    public async Task<IReadOnlyList<SumChange>> PlanAsync(IReadOnlyDictionary<ushort, CheckedImage> images,
        Func<ushort, long, long, bool> isMended, Action<BaseDamage> found, CancellationToken ct)
    {
        var changes = new List<SumChange>();
        foreach (var (volume, map) in _maps)
        {
            var plan = new SumPlan(images[volume], (offset, length) => isMended(volume, offset, length), found);
            changes.AddRange(await plan.RunAsync(map.All(), _kept, ct));
        }
        return changes;
    }

    /// <summary>Lays what the run writes to a range over the bytes that are there.</summary>
    public void LayOver(ushort volume, long offset, Span<byte> bytes)
    {
        if (!_maps.TryGetValue(volume, out var map)) return;
        var extents = new List<Extent>();
        map.Find(offset, bytes.Length, extents);
        foreach (var extent in extents)
        {
            var part = bytes.Slice((int)(extent.Offset - offset), (int)extent.Length);
            if (extent.Source == Extent.Zeroes) part.Clear();
            else if (extent.Source >= 0) _kept.At(extent.Source, part.Length).CopyTo(part);
        }
    }

    /// <summary>Repeating it, whole or in part, changes nothing more.</summary>
    public async Task ApplyAsync(IReadOnlyDictionary<ushort, CheckedImage> images, CancellationToken ct)
    {
        foreach (var (volume, map) in _maps)
        {
            await ApplyAsync(map, images[volume].Raw, ct);
            await images[volume].Raw.FlushAsync(ct);
        }
    }

    /// <summary>It is over, and nobody looks at it any more.</summary>
    /// <returns>Room for another.</returns>
    public byte[] Release()
    {
        _maps.Clear();
        return _kept.Release();
    }

    // Neighbours go together, so that little is written often and much in pieces that a disk takes at once.
    private async Task ApplyAsync(ExtentMap map, SectorFile image, CancellationToken ct)
    {
        IoRoom? room = null;
        var (at, length) = (0L, 0); // what is gathered, and where it goes
        foreach (var extent in map.All())
        {
            if (extent.Source == Extent.Damaged) continue;
            if (length > 0 && (extent.Source < 0 || extent.Offset != at + length))
            {
                await image.WriteAsync(at, room!.Memory[..length], ct);
                length = 0;
            }
            if (extent.Source < 0)
            {
                await image.ZeroAsync(extent.Offset, extent.Length, ct);
                continue;
            }
            room ??= IoRoom.RentLarge();
            for (var done = 0; done < extent.Length;)
            {
                if (length == 0) at = extent.Offset + done;
                var full = room.Length - (int)(at % IoRoom.BlockBytes); // the next piece begins with a block
                var count = (int)Math.Min(extent.Length - done, full - length);
                _kept.At(extent.Source + done, count).CopyTo(room.Span[length..]);
                (length, done) = (length + count, done + count);
                if (length < full) continue;
                await image.WriteAsync(at, room.Memory[..length], ct);
                length = 0;
            }
        }
        if (length > 0) await image.WriteAsync(at, room!.Memory[..length], ct);
        room?.Return();
    }

    private void Take(JournalReader reader, bool damaged)
    {
        var header = reader.Header;
        Last = header.Sequence;
        Bytes += RecordCodec.SizeOf(header.DataLength);
        State = State.After(header, reader.Data.Span);
        if (header.Kind == RecordKind.VolumeSize) _stated[header.Volume] = header.Offset;
        if (!header.TouchesVolume) return;
        if (!_maps.TryGetValue(header.Volume, out var map))
            _maps[header.Volume] = map = new ExtentMap(sizes[header.Volume]);
        map.Set(header.Offset, header.Length,
            damaged ? Extent.Damaged : header.Kind == RecordKind.Zero ? Extent.Zeroes : reader.Source);
    }
}
