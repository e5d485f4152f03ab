// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Indexing;
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Replication.Replicas.Checksums;

namespace Lifeboat.Replication.Replicas;

/// <summary>
/// A run of records on its way into the base: read and verified once, in order, then written by offset. What a later
/// record of the run overwrites is never written, and neighbours become one write.
/// </summary>
internal sealed class FoldRun(IReadOnlyDictionary<ushort, long> sizes, StreamState state)
{
    private const int WriteBytes = 1 << 20;
    private const int RoomMax = 1 << 20;

    private readonly Dictionary<ushort, ExtentMap> _maps = [];
    // Not rented: a view may still read a run that is over.
    private byte[] _data = [];
    private int _used, _roomMin;

    public long Last { get; private set; }
    public long Bytes { get; private set; }
    public StreamState State { get; private set; } = state;

    /// <param name="found">Told of damaged records; what they had written counts as damaged from here on.</param>
    public async Task ReadAsync(JournalReader reader, int bytesMax, Action<JournalDamage> found, CancellationToken ct)
    {
        // What a run takes at once, or its first part.
        _roomMin = Math.Min(RoomMax, bytesMax);
        while (Bytes < bytesMax && await reader.ReadAsync(ct))
        {
            if (reader.Damage is { } damage) found(damage);
            Take(reader.Header, reader.Data.Span, reader.Damage is { Length: > 0 });
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

    private async Task ApplyAsync(ExtentMap map, SectorFile image, CancellationToken ct)
    {
        var data = _data;
        var gathered = new byte[Math.Min(WriteBytes, _used)];
        var (at, length) = (0L, 0);
        foreach (var extent in map.All())
        {
            if (extent.Source == Extent.Damaged) continue;
            if (extent.Source == Extent.Zeroes)
            {
                await image.ZeroAsync(extent.Offset, extent.Length, ct);
                continue;
            }
            for (long done = 0; done < extent.Length;)
            {
                var offset = extent.Offset + done;
                if (length > 0 && (offset != at + length || length == gathered.Length))
                {
                    await image.WriteAsync(at, gathered.AsMemory(0, length), ct);
                    length = 0;
                }
                if (length == 0) at = offset;
                var count = (int)Math.Min(extent.Length - done, gathered.Length - length);
                data.AsSpan((int)(extent.Source + done), count).CopyTo(gathered.AsSpan(length));
                length += count;
                done += count;
            }
        }
        if (length > 0) await image.WriteAsync(at, gathered.AsMemory(0, length), ct);
    }

    private void Take(in RecordHeader header, ReadOnlySpan<byte> data, bool damaged)
    {
        Last = header.Sequence;
        Bytes += RecordCodec.SizeOf(header.DataLength);
        State = State.After(header, data);
        if (!header.TouchesVolume) return;
        if (!_maps.TryGetValue(header.Volume, out var map))
            _maps[header.Volume] = map = new ExtentMap(sizes[header.Volume]);
        if (damaged || header.Kind == RecordKind.Zero)
        {
            map.Set(header.Offset, header.Length, damaged ? Extent.Damaged : Extent.Zeroes);
            return;
        }
        map.Set(header.Offset, header.Length, _used);
        if (_data.Length - _used < data.Length) Grow(_used + data.Length);
        data.CopyTo(_data.AsSpan(_used));
        _used += data.Length;
    }

    private void Grow(int least)
    {
        var room = (int)Math.Min(Array.MaxLength, Math.Max(least, Math.Max(_roomMin, 2L * _data.Length)));
        var grown = GC.AllocateUninitializedArray<byte>(room);
        _data.AsSpan(0, _used).CopyTo(grown);
        _data = grown;
    }
}
