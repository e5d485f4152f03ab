// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;

namespace Lifeboat.Replication.Replicas;

/// <summary>What of a lost range no later record has written yet.</summary>
internal sealed class DamageCover(long offset, long length, long lookedTo)
{
    private readonly List<(long Start, long End)> _left = [(offset, offset + length)];

    /// <summary>Records up to here were counted.</summary>
    public long LookedTo { get; set; } = lookedTo;

    /// <summary>Counts a record; those counted before change nothing.</summary>
    /// <returns>True: with it all of the range is covered.</returns>
    public bool Add(in RecordHeader header)
    {
        if (header.Sequence <= LookedTo || _left.Count == 0) return false;
        Take(header.Offset, header.Offset + header.Length);
        return _left.Count == 0;
    }

    private void Take(long start, long end)
    {
        for (var i = _left.Count - 1; i >= 0; i--)
        {
            var (from, to) = _left[i];
            if (end <= from || start >= to) continue;
            _left.RemoveAt(i);
            if (end < to) _left.Insert(i, (end, to));
            if (from < start) _left.Insert(i, (from, start));
        }
    }
}
