// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Segments;

namespace Lifeboat.Journaling.Indexing;

/// <summary>Bytes of a volume that records of the journal touch.</summary>
public readonly record struct ChangedRange(long Offset, long Length)
{
    public long End => Offset + Length;

    /// <summary>
    /// What the records of a range of sequences touch of each volume: in order, joined where they meet. Hold the
    /// journal from the beginning of the range meanwhile.
    /// </summary>
    /// <returns>Null: nobody knows, because records of the range are not here any more, or lost with all that said what
    /// they were.</returns>
    public static async Task<IReadOnlyDictionary<ushort, IReadOnlyList<ChangedRange>>?> FindAsync(Journal journal,
        long fromExclusive, long toInclusive, CancellationToken ct)
    {
        if (toInclusive > fromExclusive
            && (fromExclusive + 1 < journal.FirstSequence || toInclusive > journal.LastSequence)) return null;
        var found = new Dictionary<ushort, Touched>();
        foreach (var segment in journal.Segments)
        {
            if (segment.FirstSequence > toInclusive || segment.LastSequence <= fromExclusive) continue;
            var entries = await journal.EntriesOfAsync(segment, ct);
            var first = (int)Math.Max(0, fromExclusive + 1 - segment.FirstSequence);
            var last = (int)Math.Min(entries.Count, toInclusive + 1 - segment.FirstSequence);
            if (!TryAdd(found, entries.AsSpan(first, last - first))) return null;
        }
        return found.ToDictionary(f => f.Key, f => f.Value.Joined());
    }

    private static bool TryAdd(Dictionary<ushort, Touched> found, ReadOnlySpan<RecordEntry> entries)
    {
        foreach (ref readonly var entry in entries)
        {
            if (entry.Kind == RecordKind.Lost) return false;
            if (entry.Kind is not (RecordKind.Write or RecordKind.Zero)) continue;
            ref var touched = ref CollectionsMarshal.GetValueRefOrAddDefault(found, entry.Volume, out _);
            (touched ??= new Touched()).Add(new ChangedRange(entry.Offset, entry.Length));
        }
        return true;
    }

    // What is written again and again is joined now and then, so memory is for the ranges, not for the records.
    private sealed class Touched
    {
        private const int JoinedMin = 1 << 16;
        private readonly List<ChangedRange> _ranges = [];
        private int _joinAt = JoinedMin;

        public void Add(ChangedRange range)
        {
            if (_ranges.Count > 0 && _ranges[^1].End == range.Offset)
                _ranges[^1] = _ranges[^1] with { Length = _ranges[^1].Length + range.Length };
            else
                _ranges.Add(range);
            if (_ranges.Count < _joinAt) return;
            Join();
            _joinAt = Math.Max(JoinedMin, 2 * _ranges.Count);
        }

        public IReadOnlyList<ChangedRange> Joined()
        {
            Join();
            return _ranges;
        }

        private void Join()
        {
            _ranges.Sort(static (a, b) => a.Offset.CompareTo(b.Offset));
            var kept = 0;
            for (var i = 1; i < _ranges.Count; i++)
            {
                var (last, next) = (_ranges[kept], _ranges[i]);
                if (next.Offset <= last.End)
                    _ranges[kept] = last with { Length = Math.Max(last.End, next.End) - last.Offset };
                else
                    _ranges[++kept] = next;
            }
            if (_ranges.Count > 0) _ranges.RemoveRange(kept + 1, _ranges.Count - kept - 1);
        }
    }
}
