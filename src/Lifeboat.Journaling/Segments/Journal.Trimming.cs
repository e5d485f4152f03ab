// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Journaling.Segments;

public sealed partial class Journal
{
    /// <summary>
    /// Drops whole segments whose records are all at or below this sequence and not held. The last one always stays.
    /// </summary>
    public async ValueTask TrimAsync(long upToSequence, CancellationToken ct)
    {
        await _gate.EnterAsync(ct);
        try
        {
            ThrowIfPoisoned();
            foreach (var segment in TakeTrimmed(upToSequence)) await DiscardAsync(segment);
        }
        finally
        {
            _gate.Leave();
        }
    }

    private Segment[] TakeTrimmed(long upToSequence)
    {
        lock (_lock)
        {
            var keepFrom = _holds.Count == 0 ? long.MaxValue : _holds.Min(h => h.FromSequence);
            var count = _segments.Take(_segments.Length - 1)
                .TakeWhile(s => s.LastSequence <= upToSequence && s.LastSequence < keepFrom)
                .Count();
            var trimmed = _segments[..count];
            if (count > 0) _segments = _segments[count..];
            return trimmed;
        }
    }

    // A crash in the middle leaves older segments than those after them, or a file under neither name: opening copes.
    private async ValueTask DiscardAsync(Segment segment)
    {
        await segment.File.DisposeAsync();
        await _storage.DeleteAsync(SegmentName.IndexOf(segment.FirstSequence), Never);
        if (_free.Count >= _options.RecycleMax || segment.Tail > _options.SegmentBytes)
        {
            await _storage.DeleteAsync(segment.Name, Never);
            return;
        }
        var free = SegmentName.Free(++_freeNumber);
        await _storage.RenameAsync(segment.Name, free, Never);
        _free.Enqueue(free);
    }
}
