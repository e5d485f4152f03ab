// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Journaling.Segments;

/// <summary>
/// The rooms of long appends, which did not go through the page cache: who follows closely reads them here instead of
/// from the disk, in order. A budget bounds them. When that is used up the newest are not kept: the oldest are read
/// next. Where nobody follows closely none are.
/// </summary>
internal sealed class WarmAppends(WarmBudget budget)
{
    private const int RefusedMax = 64;  // 128 MiB went by, and nobody read any of what is kept
    private const int ColdAppends = 512;

    private readonly Lock _gate = new();
    private readonly Queue<WarmAppend> _appends = new();
    private int _refused; // since one was read
    private int _cold;    // appends that are not kept, since nobody read those before

    /// <summary>Takes the room over.</summary>
    /// <param name="from">Place in the segment's file of what stands at the start of the memory.</param>
    /// <param name="lastSequence">Of the records in it.</param>
    public void Keep(Segment segment, long from, ReadOnlyMemory<byte> bytes, AppendRoom room, long lastSequence)
    {
        lock (_gate)
        {
            if (TryMakeRoom()) _appends.Enqueue(new WarmAppend(segment, from, bytes, room, lastSequence));
            else room.Return();
        }
    }

    /// <summary>Bytes from a place of a file on, at least so many; <see cref="WarmAppend.Release"/> follows.</summary>
    public WarmAppend? Find(Segment segment, long position, int length, out ReadOnlyMemory<byte> bytes)
    {
        bytes = default;
        lock (_gate)
        {
            foreach (var append in _appends)
            {
                if (!append.TryTake(segment, position, length, out bytes)) continue;
                _refused = 0;
                return append;
            }
            return null;
        }
    }

    /// <summary>Nobody follows up to here any more.</summary>
    public void Forget(long upToSequence)
    {
        lock (_gate)
            while (_appends.TryPeek(out var oldest) && oldest.LastSequence <= upToSequence) Drop();
    }

    private bool TryMakeRoom()
    {
        if (_cold > 0)
        {
            _cold--;
            return false;
        }
        if (budget.TryTake()) return true;
        if (_appends.Count == 0 || ++_refused <= RefusedMax) return false;
        (_refused, _cold) = (0, ColdAppends);
        while (_appends.Count > 0) Drop();
        return false;
    }

    private void Drop()
    {
        _appends.Dequeue().Release();
        budget.GiveBack();
    }
}

/// <summary>One of them, for as long as somebody holds it.</summary>
public sealed class WarmAppend
{
    private readonly Segment _segment;
    private readonly long _from;
    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly AppendRoom _room;
    private int _holders = 1;

    internal WarmAppend(Segment segment, long from, ReadOnlyMemory<byte> bytes, AppendRoom room, long lastSequence)
    {
        (_segment, _from, _bytes, _room, LastSequence) = (segment, from, bytes, room, lastSequence);
    }

    internal long LastSequence { get; }

    internal bool TryTake(Segment segment, long position, int length, out ReadOnlyMemory<byte> bytes)
    {
        bytes = default;
        if (segment != _segment || position < _from || position + length > _from + _bytes.Length) return false;
        bytes = _bytes[(int)(position - _from)..];
        Interlocked.Increment(ref _holders);
        return true;
    }

    /// <summary>Once for each time that it was taken.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _holders) == 0) _room.Return();
    }
}
