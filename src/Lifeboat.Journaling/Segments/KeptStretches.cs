// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Journaling.Segments;

/// <summary>
/// Stretches of a journal that one reader after the other read and that stay: in memory of its own, or where the
/// append that wrote them left them. What stands in them goes by a number, its source.
/// </summary>
/// <param name="bytesMax">About this many bytes are read.</param>
/// <param name="room">
/// What an earlier one has left. Memory that is new to the process costs more than all else here.
/// </param>
public sealed class KeptStretches(int bytesMax, byte[] room)
{
    private const int RoomMin = 1 << 20;
    private const int RoomSpare = 2 << 20;
    private const int PartShift = 32; // below it the place in a part; part 0 is our own memory

    private readonly List<(WarmAppend Append, ReadOnlyMemory<byte> Bytes)> _warm = [];
    private byte[] _own = room;
    private int _used;

    /// <summary>Bytes in memory of its own.</summary>
    public int OwnBytes => _used;

    /// <param name="source">Of a byte; those behind it in its record follow.</param>
    public ReadOnlySpan<byte> At(long source, int length)
    {
        var part = (int)(source >> PartShift);
        var bytes = part == 0 ? _own : _warm[part - 1].Bytes.Span;
        return bytes.Slice((int)source, length);
    }

    /// <summary>All of it is over.</summary>
    /// <returns>Room for another.</returns>
    public byte[] Release()
    {
        foreach (var (append, _) in _warm) append.Release();
        _warm.Clear();
        var left = _own;
        (_own, _used) = ([], 0);
        return left;
    }

    internal Memory<byte> Place(int length, out long source)
    {
        if (_own.Length - _used < length) Grow(_used + length);
        source = _used;
        _used += length;
        return _own.AsMemory((int)source, length);
    }

    /// <returns>Source of the first byte.</returns>
    internal long Take(WarmAppend append, ReadOnlyMemory<byte> bytes)
    {
        _warm.Add((append, bytes));
        return (long)_warm.Count << PartShift;
    }

    // A short run stays small; one that is not has room for all that is to come.
    private void Grow(int least)
    {
        var full = Math.Min(bytesMax, 64 << 20) + Math.Min(bytesMax, RoomSpare);
        var more = _own.Length == 0 ? Math.Min(bytesMax, RoomMin) : Math.Max(2L * _own.Length, full);
        var grown = GC.AllocateUninitializedArray<byte>((int)Math.Clamp(more, least, Array.MaxLength));
        _own.AsSpan(0, _used).CopyTo(grown);
        _own = grown;
    }
}
