// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Resync;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Replication.Shipping;

// The one loop that touches the taps while a session lives: attach what is not captured, pull gaps, end the batch,
// forget gaps once that is durable, rotate change maps. What it leaves half done the next session's loop takes up.
public sealed partial class GroupSource
{
    private static readonly TimeSpan ReturnLook = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan TrimEvery = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan ForgetAgainAfter = TimeSpan.FromSeconds(5);
    private BatchClose? _batchEnd;
    private long _rotatedAt, _rotatedPoint, _trimmedAt;

    private Task TendAsync(CaptureStream stream, DigestLine digests, CancellationToken ct) => _moments is null
        ? TendTapsAsync(stream, digests, ct)
        : TakeMomentsAsync(stream, digests, ct);

    private async Task TendTapsAsync(CaptureStream stream, DigestLine digests, CancellationToken ct)
    {
        while (true)
        {
            await ForgetGapsAsync(stream, ct);
            await ForgetKeptGapsAsync(stream, ct);
            BeginResend(stream);
            await AttachMissingAsync(stream, ct);
            TellSync(stream);
            foreach (var slot in _slots)
                if (slot is { Pull: { } pull, Sink: { } sink } && stream.IsOpen(sink))
                    await PullAsync(stream, slot, pull, digests, ct);
            if (stream.TryEndBatch(out var end))
            {
                // Not the others: a map that a failed rotation left behind may hold what no pull has brought.
                _batchEnd = new BatchClose(end, [.. _slots.Where(s => s.Pulled)]);
                continue;
            }
            await RotateWhenDueAsync(stream, ct);
            if (_time.GetElapsedTime(_trimmedAt) >= TrimEvery)
            {
                stream.Trim();
                _trimmedAt = _time.GetTimestamp();
            }
            await stream.ToTend.WaitAsync(NextLook(stream), _time, ct);
        }
    }

    private async Task AttachMissingAsync(CaptureStream stream, CancellationToken ct)
    {
        var missing = new List<TapSlot>();
        foreach (var slot in _slots)
            if ((slot.Sink is null || !stream.IsOpen(slot.Sink)) && !await IsOutAsync(stream, slot, ct))
                missing.Add(slot);
        if (missing.Count == 0 || stream.IsGivenUp) return;
        // An instance that is shut down writes nothing, for as long as that is.
        if (stream.OnlyEnded && _batchEnd is null) BehindSince = null;
        else BehindSince ??= _time.GetUtcNow();
        if (_state.Phase == GroupSourcePhase.Streaming)
            SetState(GroupSourcePhase.Resyncing, ReasonCode.CaptureLost, missing[0].Detail);
        foreach (var slot in missing)
        {
            if (slot.RetryAt > _time.GetTimestamp() || IsReleased(slot)) continue;
            // How the last mirror ended says whether anything is missing; it is told a moment after the fact.
            await Waiting.ForAsync(slot.Ending.ArriveAsync, TimeSpan.FromSeconds(1), _time, ct);
            if (!stream.IsGivenUp) await AttachInTurnAsync(stream, slot, ct);
        }
        if (stream.IsGivenUp)
        {
            // Everything was let go of; nothing that was attached meanwhile may stay, nor hide the reason.
            foreach (var slot in missing) slot.Tap.LetGo();
            return;
        }
        missing.RemoveAll(s => stream.IsOut(s.Disk.Index));
        if (missing.Find(s => s.Release is not null) is { } released)
            SetState(GroupSourcePhase.Resyncing, ReasonCode.VolumeReleased, $"{released.Disk.Name}: {released.Detail}");
        else if (missing.Find(s => s.Pull is null) is { } failed)
            SetState(GroupSourcePhase.Detached, ReasonOf(failed.Fault), $"{failed.Disk.Name}: {failed.Detail}");
        else SetState(SyncPhase(stream), SyncReason(stream), null);
    }

    private async Task AttachInTurnAsync(CaptureStream stream, TapSlot slot, CancellationToken ct)
    {
        await slot.Gate.EnterAsync(ct);
        try
        {
            if (!IsReleased(slot)) await AttachAsync(stream, slot, ct);
        }
        finally
        {
            slot.Gate.Leave();
        }
    }

    private async Task AttachAsync(CaptureStream stream, TapSlot slot, CancellationToken ct)
    {
        var first = slot.Sink is null;
        slot.Pull = null;
        slot.Pulled = false;
        slot.ForgetAt = null;
        NoteSize(stream, slot, slot.Tap.SizeBytes);
        var sequence = stream.SequenceBefore(slot.Disk.Index, out var nothing);
        var sink = slot.Sink = stream.BeginVolume(slot.Disk.Index);
        try
        {
            var map = await slot.Tap.AttachAsync(sink, _replica, ct);
            RefuseSmaller(stream, slot);
            stream.Attached(sink);
            slot.Ending = WatchEndAsync(stream, slot, sink);
            Watch(slot.Ending);
            Interlocked.Increment(ref _attaches);
            slot.Backoff.Reset();
            slot.Detail = null;
            slot.MissingSince = null;
            // A batch of its own: the counters begin anew.
            if (!first && Array.TrueForAll(_slots, s => s.Pull is null)) _sync = NewSync(SyncKind.None);
            var task = TaskOf(slot, slot.Tap, sink, map, sequence, nothing);
            slot.Pull = new GapPull(task, stream, CountersOf(slot, task.Kind, map));
            LogVolumeAttached(_options.Group, slot.Disk.Name, map.Kind, map.BitmapName);
        }
        catch (TapException e)
        {
            stream.Abandon(sink);
            (slot.Fault, slot.Detail) = (e.Fault, e.Message);
            NoteMissing(stream, slot, e.Fault);
            // The tap knows the new size now: at once again.
            if (e.Fault == TapFault.SizeChanged && MayResize(stream, slot, slot.Tap.SizeBytes)) return;
            slot.RetryAt = _time.GetTimestamp() + Ticks(slot.Backoff.Next());
            LogVolumeNotAttached(_options.Group, slot.Disk.Name, e.Fault, e.Message);
        }
        catch (OperationCanceledException)
        {
            stream.Abandon(sink);
            slot.Tap.LetGo();
            throw;
        }
    }

    private GapPullTask TaskOf(
        TapSlot slot, IGapReader disk, VolumeSink sink, GapMap map, long sequence, bool nothing)
    {
        var kind = nothing && !_seeded ? SyncKind.Allocation
            : map.Kind == GapKind.Known && !nothing && !slot.Compare ? SyncKind.ChangeMap
            : SyncKind.HashCompare;
        // All that is there, not what changed.
        if (kind != SyncKind.ChangeMap) map = new GapMap(GapKind.Allocation, null);
        var window = Math.Min(_options.PullWindowBytes, _options.Policy.OutboxBytes / 8);
        if (CapNow is { } rate) window = Math.Min(window, Math.Max(256 << 10, 2 * rate));
        var copyAll = _flaws.CopyAll && kind == SyncKind.ChangeMap;
        if (copyAll) map = new GapMap(GapKind.Allocation, null);
        return new GapPullTask(disk, sink, map, kind, slot.SizeBytes, sequence,
            _options.CompareChangeMap && !copyAll, window, slot.Lost);
    }

    private SyncCounters CountersOf(TapSlot slot, SyncKind kind, GapMap map)
    {
        var counted = kind == SyncKind.ChangeMap ? map.MarkedBytes : map.StoredBytes;
        return _sync.Begin(slot.Disk.Index, kind, slot.SizeBytes,
            counted is { } bytes ? Math.Min(bytes, slot.SizeBytes) : null);
    }

    private async Task PullAsync(
        CaptureStream stream, TapSlot slot, GapPull pull, DigestLine digests, CancellationToken ct)
    {
        try
        {
            if (!await pull.RunAsync(digests, ct)) return;
            slot.Pull = null;
            slot.Pulled = true;
            LogGapPulled(_options.Group, slot.Disk.Name, _sync.Kind, _sync.Moved, _sync.Examined);
        }
        catch (TapException e)
        {
            // The disk cannot be read: whatever ails it, the next attach finds out what is missing.
            stream.MarkLost(slot.Sink!);
            slot.Tap.LetGo();
            slot.RetryAt = _time.GetTimestamp() + Ticks(slot.Backoff.Next());
            slot.Detail = e.Message;
        }
    }

    private async Task ForgetGapsAsync(CaptureStream stream, CancellationToken ct)
    {
        if (_batchEnd is not { } batch) return;
        if (!_flaws.ForgetGapEarly && !await stream.WaitDurableAsync(batch.End, ct)) return;
        foreach (var slot in batch.Slots) slot.Compare = false;
        var moved = await TryMoveBasisAsync(stream, KnownAt(stream, batch.End), ct);
        foreach (var slot in batch.Slots)
        {
            slot.Pulled = false;
            slot.Lost = [];
            if (moved) await ForgetGapAsync(slot, ct);
        }
        _batchEnd = null;
        _arriving = false;
        _return.Reset();
        LogGapForgotten(_options.Group, batch.End);
        if (stream.InBatch) return;
        BehindSince = null;
        SetState(GroupSourcePhase.Streaming, ReasonCode.None, null);
        TellEnded(_sync);
    }

    private async Task ForgetGapAsync(TapSlot slot, CancellationToken ct)
    {
        try
        {
            await slot.Tap.ForgetGapAsync(ct);
            slot.ForgetAt = null;
        }
        catch (TapException e)
        {
            // A busy monitor. What stays is sent again by the next attach, and of a first sync that is the whole disk.
            slot.ForgetAt = _time.GetTimestamp() + Ticks(ForgetAgainAfter);
            LogGapKept(_options.Group, slot.Disk.Name, e.Fault, e.Message);
        }
    }

    private async Task ForgetKeptGapsAsync(CaptureStream stream, CancellationToken ct)
    {
        foreach (var slot in _slots)
            if (slot is { ForgetAt: { } at, Sink: { } sink } && at <= _time.GetTimestamp() && stream.IsOpen(sink))
                await ForgetGapAsync(slot, ct);
    }

    // After a sealed point the maps hold much that the recovery site has: a fresh one keeps the next gap small.
    private async Task RotateWhenDueAsync(CaptureStream stream, CancellationToken ct)
    {
        var point = _points.LastSealed?.Sequence ?? 0;
        if (stream.InBatch || point == _rotatedPoint) return;
        if (_time.GetElapsedTime(_rotatedAt) < _options.RotateInterval) return;
        (_rotatedAt, _rotatedPoint) = (_time.GetTimestamp(), point);
        var captured = stream.Volumes();
        for (var i = 0; i < _slots.Length; i++)
        {
            var slot = _slots[i];
            if (captured[i].CapturedBytes == slot.RotatedAtBytes || stream.InBatch) continue;
            slot.RotatedAtBytes = captured[i].CapturedBytes;
            try
            {
                await slot.Tap.RotateAsync(t => SettledAsync(stream, slot, t), ct);
            }
            catch (TapException e)
            {
                LogMapNotRotated(_options.Group, slot.Disk.Name, e.Fault, e.Message);
            }
        }
    }

    // The old map may go only if nothing can be in it alone: all that was captured is durable, and the mirror, seen
    // intact after the fresh map began, missed nothing before it did.
    private async Task SettledAsync(CaptureStream stream, TapSlot slot, CancellationToken ct)
    {
        if (_flaws.RotateEarly) return;
        var settled = stream.LastSequence;
        if (!await stream.WaitDurableAsync(settled, ct))
            throw new TapException(TapFault.Refused, "capture was given up");
        if (slot.Sink is not { } sink || !await slot.Tap.StillMirroringAsync(ct) || !stream.IsOpen(sink))
            throw new TapException(TapFault.Refused, "the mirror has ended");
        if (!await TryMoveBasisAsync(stream, settled, ct))
            throw new TapException(TapFault.Refused, "it cannot be written down where the fresh map begins");
    }

    private async Task WatchEndAsync(CaptureStream stream, TapSlot slot, VolumeSink sink)
    {
        try
        {
            var end = await slot.Tap.Ended.ArriveAsync(_runToken);
            if (end == TapEnd.Unplugged) await NoteUnpluggedAsync(stream, slot, sink);
            else if (end == TapEnd.InstanceGone) stream.MarkEndedWithInstance(sink);
            else stream.MarkLost(sink);
            slot.Detail ??= $"the mirror ended: {end}";
            LogVolumeEnded(_options.Group, slot.Disk.Name, end);
            // Without a link nobody attaches it again for now.
            if (stream == _stream && stream.InBatch && _state.Phase == GroupSourcePhase.Streaming)
                SetState(GroupSourcePhase.Detached, ReasonCode.CaptureLost, $"{slot.Disk.Name}: {slot.Detail}");
            if (stream.IsEndedWhole(sink)) Watch(WatchReturnAsync(stream, slot, sink));
        }
        catch (OperationCanceledException) when (_runToken.IsCancellationRequested)
        {
            // The source is stopping; the tap is detached by whoever stops it.
        }
    }

    // While the link is down nothing is attached: an instance that boots again in the meantime writes unseen, and no
    // checkpoint must be cut of what it left when it ended. It takes longer to boot than this looks away.
    private async Task WatchReturnAsync(CaptureStream stream, TapSlot slot, VolumeSink sink)
    {
        try
        {
            while (stream.IsEndedWhole(sink))
            {
                if (await slot.Tap.InstanceAnswersAsync(_runToken))
                {
                    stream.MarkReturned(sink);
                    return;
                }
                await Task.Delay(ReturnLook, _time, _runToken);
            }
        }
        catch (OperationCanceledException) when (_runToken.IsCancellationRequested)
        {
            // The source is stopping.
        }
    }

    private TimeSpan NextLook(CaptureStream stream)
    {
        var wait = stream.InBatch ? TimeSpan.FromMilliseconds(200) : TimeSpan.FromSeconds(1);
        return wait < _options.RotateInterval ? wait : _options.RotateInterval;
    }

    private long Ticks(TimeSpan wait) => (long)(wait.TotalSeconds * _time.TimestampFrequency);

    private static ReasonCode ReasonOf(TapFault fault) => fault switch
    {
        TapFault.MonitorUnreachable => ReasonCode.MonitorUnreachable,
        TapFault.DiskNotFound => ReasonCode.VolumeUnknown,
        TapFault.InstanceGone or TapFault.Refused or TapFault.SizeChanged => ReasonCode.CaptureLost,
    };

    private sealed record BatchClose(long End, IReadOnlyList<TapSlot> Slots);

    [LoggerMessage(ReplicationEvents.VolumeAttached, LogLevel.Information,
        "Volume {Volume} of {Group} is captured; its gap is {Kind} {Bitmap}")]
    private partial void LogVolumeAttached(string group, string volume, GapKind kind, string? bitmap);

    [LoggerMessage(ReplicationEvents.VolumeNotAttached, LogLevel.Warning,
        "Volume {Volume} of {Group} could not be attached: {Fault} {Detail}")]
    private partial void LogVolumeNotAttached(string group, string volume, TapFault fault, string detail);

    [LoggerMessage(ReplicationEvents.VolumeEnded, LogLevel.Warning,
        "Mirror of volume {Volume} of {Group} ended: {End}")]
    private partial void LogVolumeEnded(string group, string volume, TapEnd end);

    [LoggerMessage(ReplicationEvents.GapPulled, LogLevel.Information,
        "Gap of volume {Volume} of {Group} was pulled by {Kind}: so far {Moved} bytes moved of {Examined} read")]
    private partial void LogGapPulled(string group, string volume, SyncKind kind, long moved, long examined);

    [LoggerMessage(ReplicationEvents.GapForgotten, LogLevel.Information, "Gaps of {Group} are durable at {End}")]
    private partial void LogGapForgotten(string group, long end);

    [LoggerMessage(ReplicationEvents.GapKept, LogLevel.Warning,
        "Gap of volume {Volume} of {Group} could not be dropped, which is tried again; a new attach before that sends "
        + "it once more: {Fault} {Detail}")]
    private partial void LogGapKept(string group, string volume, TapFault fault, string detail);

    [LoggerMessage(ReplicationEvents.MapNotRotated, LogLevel.Warning,
        "Change map of volume {Volume} of {Group} was not rotated: {Fault} {Detail}")]
    private partial void LogMapNotRotated(string group, string volume, TapFault fault, string detail);
}
