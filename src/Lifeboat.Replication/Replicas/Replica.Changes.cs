// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Indexing;
using Lifeboat.Journaling.Segments;

namespace Lifeboat.Replication.Replicas;

public sealed partial class Replica
{
    /// <summary>
    /// Where each volume may differ between two sequences of this replica, whichever is the newer one: what the records
    /// between them touch, and the bytes that a volume has at one of them only.
    /// </summary>
    /// <returns>Null: nobody knows any more. Whoever asked compares, or takes everything.</returns>
    internal async Task<IReadOnlyDictionary<ushort, IReadOnlyList<ChangedRange>>?> ChangesAsync(
        Guid replica, long one, long other, CancellationToken ct)
    {
        var (from, to) = (Math.Min(one, other), Math.Max(one, other));
        JournalHold hold;
        await _stateGate.EnterAsync(ct);
        try
        {
            // How long volumes were before that is not known any more either.
            if (replica != ReplicaId || from < FoldedSequence || to > DurableSequence) return null;
            hold = _journal.Hold(from + 1);
        }
        finally
        {
            _stateGate.Leave();
        }
        using (hold)
        {
            if (await ChangedRange.FindAsync(_journal, from, to, ct) is not { } touched) return null;
            // A stretch that is found to be lost while this is asked makes another replica of it.
            return replica != ReplicaId ? null : WithSizes(touched, from, to);
        }
    }

    private Dictionary<ushort, IReadOnlyList<ChangedRange>> WithSizes(
        IReadOnlyDictionary<ushort, IReadOnlyList<ChangedRange>> touched, long from, long to)
    {
        var (before, after) = (_volumeSizes.At(from), _volumeSizes.At(to));
        var all = new Dictionary<ushort, IReadOnlyList<ChangedRange>>();
        foreach (var volume in before.Keys.Union(after.Keys))
        {
            var (low, high) = (before.GetValueOrDefault(volume), after.GetValueOrDefault(volume));
            (low, high) = (Math.Min(low, high), Math.Max(low, high));
            var ranges = touched.GetValueOrDefault(volume) ?? [];
            all[volume] = low == high ? ranges
            : [
                .. ranges.Where(r => r.Offset < low).Select(r => r with { Length = Math.Min(r.End, low) - r.Offset }),
                new ChangedRange(low, high - low),
            ];
        }
        return all;
    }
}
