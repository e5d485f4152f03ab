// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;

namespace Lifeboat.Replication.Resync;

/// <summary>
/// Puts pulled bytes into the stream, never more than a window of them at once: the outbox is for what guests write,
/// and what they write must not wait long behind a pull.
/// </summary>
internal sealed class PullPace(CaptureStream stream, VolumeSink sink, long windowBytes, SyncCounters counters)
{
    private readonly Queue<(long Sequence, long Bytes)> _underWay = new();
    private long _underWayBytes;

    /// <returns>False: the attach is over.</returns>
    public async Task<bool> AppendAsync(long offset, long length, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        while (true)
        {
            while (_underWayBytes > windowBytes)
                if (!await NextDurableAsync(ct)) return false;
            var before = stream.DurableSequence;
            var outcome = stream.AppendPulled(sink, offset, length, data.Span, out var moved);
            if (outcome == PullOutcome.Lost) return false;
            counters.AddMoved(moved);
            if (outcome == PullOutcome.Appended)
            {
                _underWay.Enqueue((stream.LastSequence, moved));
                _underWayBytes += moved;
                return true;
            }
            if (!await stream.WaitDurableAsync(before + 1, ct)) return false;
        }
    }

    private async Task<bool> NextDurableAsync(CancellationToken ct)
    {
        var (sequence, bytes) = _underWay.Peek();
        if (!await stream.WaitDurableAsync(sequence, ct)) return false;
        _underWay.Dequeue();
        _underWayBytes -= bytes;
        return true;
    }
}
