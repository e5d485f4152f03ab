// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Journaling.Indexing;
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Replication.Replicas.Checksums;

namespace Lifeboat.Replication.Replicas;

/// <summary>
/// A run of records on its way into the base: read and verified once, in order, then written by offset. What a later
/// record of the run overwrites is never written, and short neighbours become one write. It stays in memory as it
/// stands in the journal: sources of extents are places in it.
/// </summary>
/// <param name="bytesMax">About this many bytes of journal are read.</param>
/// <param name="room">
/// What an earlier run has left. Memory that is new to the process costs more than all else here.
/// </param>
internal sealed class FoldRun(
    IReadOnlyDictionary<ushort, long> sizes, StreamState state, int bytesMax, byte[] room)
{
    private const int RoomMin = 1 << 20;
    private const int RoomSpare = 2 << 20;

    private readonly Dictionary<ushort, ExtentMap> _maps = [];
    private readonly Dictionary<ushort, long> _stated = [];
    private byte[] _data = room;
    private int _used;

    public long Last { get; private set; }
    public long Bytes { get; private set; }
    public StreamState State { get; private set; } = state;

    /// <summary>The size of a volume behind this run; null: the run does not state it.</summary>
    public long? SizeOf(ushort volume) => _stated.TryGetValue(volume, out var size) ? size : null;

    /// <param name="found">Told of damaged records; what they had written counts as damaged from here on.</param>
    public async Task ReadAsync(
        Journal journal, long from, long to, Action<JournalDamage> found, CancellationToken ct)
    {
        var reader = journal.Read(from, to, passDamage: true, Place);
        while (Bytes < bytesMax && await reader.ReadAsync(ct))
        {
            if (reader.Damage is { } damage) found(damage);
            Take(reader.Header, reader.Data, reader.Damage is { Length: > 0 });
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
            changes.AddRange(await plan.RunAsync(map.All(), _data, ct));
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
            else if (extent.Source >= 0) _data.AsSpan((int)extent.Source, part.Length).CopyTo(part);
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
        var left = _data;
        _maps.Clear();
        (_data, _used) = ([], 0);
        return left;
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
            room ??= IoRoom.Rent();
            for (var done = 0; done < extent.Length;)
            {
                if (length == 0) at = extent.Offset + done;
                var full = IoRoom.Bytes - (int)(at % IoRoom.BlockBytes); // the next piece begins with a block
                var count = (int)Math.Min(extent.Length - done, full - length);
                _data.AsSpan((int)extent.Source + done, count).CopyTo(room.Span[length..]);
                (length, done) = (length + count, done + count);
                if (length < full) continue;
                await image.WriteAsync(at, room.Memory[..length], ct);
                length = 0;
            }
        }
        if (length > 0) await image.WriteAsync(at, room!.Memory[..length], ct);
        room?.Return();
    }

    private void Take(in RecordHeader header, ReadOnlyMemory<byte> data, bool damaged)
    {
        Last = header.Sequence;
        Bytes += RecordCodec.SizeOf(header.DataLength);
        State = State.After(header, data.Span);
        if (header.Kind == RecordKind.VolumeSize) _stated[header.Volume] = header.Offset;
        if (!header.TouchesVolume) return;
        if (!_maps.TryGetValue(header.Volume, out var map))
            _maps[header.Volume] = map = new ExtentMap(sizes[header.Volume]);
        if (damaged || header.Kind == RecordKind.Zero)
        {
            map.Set(header.Offset, header.Length, damaged ? Extent.Damaged : Extent.Zeroes);
            return;
        }
        MemoryMarshal.TryGetArray(data, out var stands);
        Invariant.Holds(stands.Array == _data, "records are where they were read");
        map.Set(header.Offset, header.Length, stands.Offset);
    }

    private Memory<byte> Place(int length)
    {
        if (_data.Length - _used < length) Grow(_used + length);
        var place = _data.AsMemory(_used, length);
        _used += length;
        return place;
    }

    // A short run stays small; one that is not has room for all that is to come.
    private void Grow(int least)
    {
        var full = Math.Min(bytesMax, 64 << 20) + Math.Min(bytesMax, RoomSpare);
        var more = _data.Length == 0 ? Math.Min(bytesMax, RoomMin) : Math.Max(2L * _data.Length, full);
        var grown = GC.AllocateUninitializedArray<byte>((int)Math.Clamp(more, least, Array.MaxLength));
        _data.AsSpan(0, _used).CopyTo(grown);
        _data = grown;
    }
}
