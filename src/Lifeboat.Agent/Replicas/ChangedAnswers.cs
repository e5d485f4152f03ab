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
    private Answer? _last;

    /// <summary>The context is of this replica; whether it can be answered is seen when it is asked.</summary>
    public bool Offers(string context) =>
        ChangedContext.TryParse(context, out var replica, out _) && replica == view.ReplicaId;

    /// <returns>NotSupported: nobody knows any more.</returns>
    public NbdError Add(string context, long offset, long length, NbdExtents extents)
    {
        var answer = AnswerTo(context);
        // The connection has a thread of its own.
        ((IAsyncResult)answer.Found).AsyncWaitHandle.WaitOne();
        if (!answer.Found.IsCompletedSuccessfully)
        {
            lock (_gate) _last = null;
            return NbdError.Io;
        }
        if (answer.Ranges is not { } ranges) return NbdError.NotSupported;
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

    private Answer AnswerTo(string context)
    {
        lock (_gate)
            return _last is { } last && last.Context == context ? last : _last = new Answer(view, volume, context);
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

    private sealed class Answer
    {
        public Answer(PointInTimeView view, ushort volume, string context)
        {
            Context = context;
            Found = FindAsync(view, volume);
        }

        public string Context { get; }
        public Task Found { get; }
        /// <summary>Once it is found; null: nobody knows any more.</summary>
        public IReadOnlyList<ChangedRange>? Ranges { get; private set; }

        private async Task FindAsync(PointInTimeView view, ushort volume)
        {
            if (ChangedContext.TryParse(Context, out var replica, out var sequence))
                Ranges = await view.ChangesAsync(volume, replica, sequence, CancellationToken.None);
        }
    }
}
