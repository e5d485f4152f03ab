// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Journaling.Segments;

// How a segment begins: a file kept for reuse, or a new one, gets a header with a new salt, is flushed, and only then
// gets its name. So a segment file always has its own header, and nothing older than the salt counts in it.
// None of it can be cancelled: a segment that has its name but is not ours would hide what the old one still takes.
public sealed partial class Journal
{
    private static readonly CancellationToken Never = CancellationToken.None;

    private async ValueTask<bool> TryRollAsync()
    {
        var old = _segments[^1];
        await _flushGate.EnterAsync(Never);
        try
        {
            if (DurableSequence < old.LastSequence) await FlushLockedAsync(Never);
            if (await TryBeginSegmentAsync(old.LastSequence + 1) is not { } next) return false;
            lock (_lock) _segments = [.. _segments, next];
        }
        finally
        {
            _flushGate.Leave();
        }
        await SealAsync(old);
        return true;
    }

    private async ValueTask<Segment?> TryBeginSegmentAsync(long first)
    {
        var recycled = _free.Count > 0;
        if (!recycled && !await HasRoomAsync()) return null;
        var aside = SegmentName.Aside(first);
        try
        {
            if (recycled)
            {
                await _storage.RenameAsync(_free.Peek(), aside, Never);
                _free.Dequeue();
            }
            return await NameAsync(aside, new SegmentHeader(first, _options.NewSalt()), recycled);
        }
        catch (StorageException e) when (e.Fault == StorageFault.Full && _poison is null)
        {
            await DropAsync(aside);
            return null;
        }
        catch (StorageException e)
        {
            _poison = e;
            throw;
        }
    }

    private async ValueTask<Segment> NameAsync(string aside, SegmentHeader header, bool recycled)
    {
        var file = await _storage.OpenAsync(aside, create: true, Never);
        try
        {
            await file.WriteAsync(0, header.Encode(), Never);
            await file.FlushAsync(Never);
            await _storage.RenameAsync(aside, SegmentName.Of(header.FirstSequence), Never);
        }
        catch (StorageException)
        {
            await file.DisposeAsync();
            throw;
        }
        try
        {
            await _storage.SyncAsync(Never);
        }
        catch (StorageException e)
        {
            // It has its name now, maybe for good: even a full disk must not let the old segment grow on.
            _poison = e;
            await file.DisposeAsync();
            throw;
        }
        return new Segment(file, header, recycled);
    }

    private async ValueTask<bool> HasRoomAsync() =>
        await _storage.FreeBytesAsync(Never) >= _options.ReserveBytes + _options.SegmentBytes;

    // An index that cannot be written now is rebuilt when it is needed; the entries stay in memory until then.
    private async ValueTask SealAsync(Segment segment)
    {
        try
        {
            await SegmentIndexFile.WriteAsync(_storage, segment, Never);
            segment.DropEntries();
        }
        catch (StorageException e) when (e.Fault == StorageFault.Full)
        {
            await DropAsync(SegmentName.IndexOf(segment.FirstSequence));
        }
    }

    private async ValueTask DropAsync(string name)
    {
        try
        {
            await _storage.DeleteAsync(name, Never);
        }
        catch (StorageException)
        {
            // Opening the journal drops it.
        }
    }
}
