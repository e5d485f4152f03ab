// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Journaling.Indexing;
using Lifeboat.Nbd;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Agent.Replicas;

// Answers where a volume of a view may differ from another sequence. Whoever asks goes through the volume from front to
// back and asks for one sequence at a time: what was found last is kept.
internal sealed class ChangedAnswers(PointInTimeView view, ushort volume, long sizeBytes)
{
    private readonly Lock _gate = new();
    private (string Context, Task<IReadOnlyList<ChangedRange>?> Ranges)? _last;

    /// <summary>The context is of this replica; whether it can be answered is seen when it is asked.</summary>
    public bool Offers(string context) =>
        ChangedContext.TryParse(context, out var replica, out _) && replica == view.ReplicaId;

    /// <returns>NotSupported: nobody knows any more.</returns>
    public NbdError Add(string context, long offset, long length, NbdExtents extents)
    {
        var asked = RangesOf(context);
        ((IAsyncResult)asked).AsyncWaitHandle.WaitOne();
        if (!asked.IsCompletedSuccessfully)
        {
            lock (_gate) _last = null;
            return NbdError.Io;
        }
        // Not awaited: the connection has a thread of its own, and it is done.
        if (asked.Result is not { } ranges) return NbdError.NotSupported;
        var end = Math.Min(offset + length, sizeBytes);
        for (var at = FirstEndingAfter(ranges, offset); offset < end; at++)
        {
            var next = at < ranges.Count && ranges[at].Offset < end ? ranges[at] : new ChangedRange(end, 0);
            if (next.Offset > offset && !extents.Add(next.Offset - offset, 0)) break;
            offset = Math.Max(offset, next.Offset);
            var stop = Math.Min(next.End, end);
            if (stop > offset && !extents.Add(stop - offset, ChangedContext.Changed)) break;
            offset = Math.Max(offset, stop);
        }
        return NbdError.None;
    }

    private Task<IReadOnlyList<ChangedRange>?> RangesOf(string context)
    {
        lock (_gate)
        {
            if (_last is { } last && last.Context == context) return last.Ranges;
            var asked = ChangedContext.TryParse(context, out var replica, out var sequence)
                ? view.ChangesAsync(volume, replica, sequence, CancellationToken.None)
                : Task.FromResult<IReadOnlyList<ChangedRange>?>(null);
            _last = (context, asked);
            return asked;
        }
    }

    private static int FirstEndingAfter(IReadOnlyList<ChangedRange> ranges, long offset)
    {
        int low = 0, high = ranges.Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (ranges[middle].End <= offset) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
