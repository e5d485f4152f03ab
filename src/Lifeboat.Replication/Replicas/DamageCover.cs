// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Replication.Replicas.Checksums;

namespace Lifeboat.Replication.Replicas;

/// <summary>
/// What of a lost range later records have written, block by block: a block is right again from the record on that
/// brought the last of it, whatever becomes of its neighbours.
/// </summary>
internal sealed class DamageCover
{
    private readonly List<(long Start, long End)> _left;
    private readonly long _firstBlock;
    private readonly int[] _leftOf;
    private readonly long[] _doneAt;

    public DamageCover(long offset, long length, long lookedTo)
    {
        _left = [(offset, offset + length)];
        LookedTo = lookedTo;
        _firstBlock = offset / BlockSum.BlockBytes;
        _leftOf = new int[(offset + length - 1) / BlockSum.BlockBytes - _firstBlock + 1];
        _doneAt = new long[_leftOf.Length];
        Array.Fill(_doneAt, long.MaxValue);
        ForBlocks(offset, offset + length, (block, bytes) => _leftOf[block] = bytes);
    }

    /// <summary>Records up to here were counted.</summary>
    public long LookedTo { get; set; }

    /// <summary>Counts a record; those counted before change nothing.</summary>
    /// <returns>True: with it all of the range is covered.</returns>
    public bool Add(in RecordHeader header)
    {
        if (header.Sequence <= LookedTo || _left.Count == 0) return false;
        Take(header.Offset, header.Offset + header.Length, header.Sequence);
        return _left.Count == 0;
    }

    /// <summary>The sequence by which all that was lost of these bytes is there again.</summary>
    public long DoneAt(long offset, long length)
    {
        var first = Math.Max(0, offset / BlockSum.BlockBytes - _firstBlock);
        var last = Math.Min(_doneAt.Length - 1, (offset + length - 1) / BlockSum.BlockBytes - _firstBlock);
        long done = 0;
        for (var block = first; block <= last; block++) done = Math.Max(done, _doneAt[block]);
        return done;
    }

    private void Take(long start, long end, long sequence)
    {
        for (var i = _left.Count - 1; i >= 0; i--)
        {
            var (from, to) = _left[i];
            if (end <= from || start >= to) continue;
            _left.RemoveAt(i);
            if (end < to) _left.Insert(i, (end, to));
            if (from < start) _left.Insert(i, (from, start));
            ForBlocks(Math.Max(from, start), Math.Min(to, end), (block, bytes) =>
            {
                if ((_leftOf[block] -= bytes) == 0) _doneAt[block] = sequence;
            });
        }
    }

    private void ForBlocks(long start, long end, Action<long, int> each)
    {
        while (start < end)
        {
            var stop = Math.Min(end, (start / BlockSum.BlockBytes + 1) * BlockSum.BlockBytes);
            each(start / BlockSum.BlockBytes - _firstBlock, (int)(stop - start));
            start = stop;
        }
    }
}
