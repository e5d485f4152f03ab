// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Replication.Replicas;

// What was written to one volume of a view: a sparse file of its data and a map with one bit for each 4 KiB block.
//
// Invariants
//   A set bit means that the whole block is in the data file. It is set, in memory and in the map file, only after the
//   block's data was written; so after a killed process the map never promises what is not there.
//   Writers take turns; readers never wait.
internal sealed class Overlay : IAsyncDisposable
{
    public const int BlockBytes = 4096;

    private readonly IStorageFile _data;
    private readonly IStorageFile _map;
    private readonly ReplicaReader _under;
    private readonly Turnstile _writing = new();
    private readonly byte[] _bits;
    private readonly ushort _volume;
    private readonly long _size;

    private Overlay(ushort volume, ReplicaReader under, IStorageFile data, IStorageFile map)
    {
        _volume = volume;
        _under = under;
        _data = data;
        _map = map;
        _size = under.SizeOf(volume);
        _bits = new byte[(_size + 8 * BlockBytes - 1) / (8 * BlockBytes)];
    }

    public static async Task<Overlay> OpenAsync(string name, ushort volume, ReplicaReader under, IStorage storage,
        CancellationToken ct)
    {
        var data = await storage.OpenAsync(name + ".data", create: true, ct);
        var map = await storage.OpenAsync(name + ".map", create: true, ct);
        var overlay = new Overlay(volume, under, data, map);
        await map.ReadAsync(0, overlay._bits, ct);
        return overlay;
    }

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        Check(offset, buffer.Length);
        for (var end = offset + buffer.Length; offset < end;)
        {
            var (mine, stop) = Run(offset, end);
            var part = buffer[..(int)(stop - offset)];
            if (mine) await ReadDataAsync(offset, part, ct);
            else await _under.ReadAsync(_volume, offset, part, ct);
            buffer = buffer[part.Length..];
            offset = stop;
        }
    }

    public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        Check(offset, data.Length);
        if (data.IsEmpty) return;
        await _writing.EnterAsync(ct);
        try
        {
            await FillEdgesAsync(offset, offset + data.Length, ct);
            await _data.WriteAsync(offset, data, ct);
            await MarkAsync(offset, offset + data.Length, ct);
        }
        finally
        {
            _writing.Leave();
        }
    }

    public async ValueTask ZeroAsync(long offset, long length, CancellationToken ct)
    {
        Check(offset, length);
        if (length == 0) return;
        await _writing.EnterAsync(ct);
        try
        {
            await FillEdgesAsync(offset, offset + length, ct);
            await _data.ZeroAsync(offset, length, ct);
            await MarkAsync(offset, offset + length, ct);
        }
        finally
        {
            _writing.Leave();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _data.DisposeAsync();
        await _map.DisposeAsync();
    }

    // A block that is covered only in part takes its other bytes from below first.
    private async ValueTask FillEdgesAsync(long from, long to, CancellationToken ct)
    {
        var first = from / BlockBytes;
        var last = (to - 1) / BlockBytes;
        var cutsLast = to % BlockBytes != 0 && to != _size;
        if (from % BlockBytes != 0 || (first == last && cutsLast)) await FillAsync(first, ct);
        if (last != first && cutsLast) await FillAsync(last, ct);
    }

    private async ValueTask FillAsync(long block, CancellationToken ct)
    {
        if (Has(block)) return;
        var at = block * BlockBytes;
        var bytes = new byte[Math.Min(BlockBytes, _size - at)];
        await _under.ReadAsync(_volume, at, bytes, ct);
        await _data.WriteAsync(at, bytes, ct);
    }

    private async ValueTask MarkAsync(long from, long to, CancellationToken ct)
    {
        var first = from / BlockBytes;
        var last = (to - 1) / BlockBytes;
        long changedFrom = long.MaxValue, changedTo = -1;
        for (var block = first; block <= last; block++)
        {
            if (Has(block)) continue;
            Volatile.Write(ref _bits[block / 8], (byte)(_bits[block / 8] | 1 << (int)(block % 8)));
            changedFrom = Math.Min(changedFrom, block / 8);
            changedTo = block / 8;
        }
        if (changedTo < 0) return;
        await _map.WriteAsync(changedFrom, _bits.AsMemory((int)changedFrom, (int)(changedTo - changedFrom + 1)), ct);
    }

    // Bytes past the end of the sparse file are zeroes that were never written out.
    private async ValueTask ReadDataAsync(long offset, Memory<byte> part, CancellationToken ct)
    {
        var count = await _data.ReadAsync(offset, part, ct);
        part.Span[count..].Clear();
    }

    private (bool Mine, long Stop) Run(long offset, long end)
    {
        var mine = Has(offset / BlockBytes);
        var stop = (offset / BlockBytes + 1) * BlockBytes;
        while (stop < end && Has(stop / BlockBytes) == mine) stop += BlockBytes;
        return (mine, Math.Min(stop, end));
    }

    private bool Has(long block) => (Volatile.Read(ref _bits[block / 8]) & 1 << (int)(block % 8)) != 0;

    private void Check(long offset, long length)
    {
        if (offset < 0 || length < 0 || offset > _size - length)
            throw new ArgumentOutOfRangeException(nameof(offset), $"{offset}+{length} of {_size}");
    }
}
