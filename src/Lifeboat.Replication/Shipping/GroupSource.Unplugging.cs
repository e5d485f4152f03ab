// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Replication.Shipping;

// Disks that come and go while their instance runs (what the stream makes of it: CaptureStream.Unplugging).
public sealed partial class GroupSource
{
    // One that is in another QEMU just being started is not missing yet.
    private static readonly TimeSpan AbsentAfter = TimeSpan.FromSeconds(5);

    // Nobody attaches what is out; it is asked for until it is in again.
    private async Task<bool> IsOutAsync(CaptureStream stream, TapSlot slot, CancellationToken ct)
    {
        var volume = slot.Disk.Index;
        if (!stream.IsOut(volume)) return false;
        if (await LookAsync(slot, ct) is not { } presence) return true;
        if (presence == DiskPresence.NobodyThere) NoteNobody(stream, slot);
        else if (presence == DiskPresence.Unplugged) slot.MissingSince = null;
        if (presence is DiskPresence.Unplugged or DiskPresence.NobodyThere) return true;
        // Of a disk that was never whole nothing can get worse.
        if (presence == DiskPresence.Doubtful && !stream.IsAtRest(volume)) return true;
        LogVolumeBack(_options.Group, slot.Disk.Name, presence);
        stream.MarkPlugged(volume);
        slot.MissingSince = null;
        return presence == DiskPresence.Doubtful;
    }

    // It may have been in again, and written to, before the instance ended: nobody can say. Others go on without it.
    private void NoteNobody(CaptureStream stream, TapSlot slot)
    {
        slot.MissingSince ??= _time.GetUtcNow();
        if (_time.GetUtcNow() - slot.MissingSince < AbsentAfter || !stream.MarkUnwatched(slot.Disk.Index)) return;
        slot.Detail = "out when its instance ended: points are without what was written to it since";
        LogVolumeUnwatched(_options.Group, slot.Disk.Name);
    }

    private void NoteMissing(CaptureStream stream, TapSlot slot, TapFault fault)
    {
        if (fault != TapFault.DiskNotFound)
        {
            slot.MissingSince = null;
            return;
        }
        slot.MissingSince ??= _time.GetUtcNow();
        if (_time.GetUtcNow() - slot.MissingSince < AbsentAfter) return;
        stream.MarkAbsent(slot.Disk.Index);
        if (!stream.IsOut(slot.Disk.Index)) return;
        slot.Detail = "unplugged before all of it was copied: points are without it";
        LogVolumeAbsent(_options.Group, slot.Disk.Name);
    }

    private async Task NoteUnpluggedAsync(CaptureStream stream, TapSlot slot, VolumeSink sink)
    {
        stream.MarkUnplugged(sink);
        slot.Detail = stream.IsAtRest(slot.Disk.Index)
            ? "unplugged: kept as it was then" : "unplugged before all of it was copied";
        // What is left of us would keep its node from going.
        await slot.Gate.EnterAsync(_runToken);
        try
        {
            if (slot.Sink == sink) await ReleaseAsync(slot, uninstall: false, _runToken);
        }
        finally
        {
            slot.Gate.Leave();
        }
    }

    /// <returns>Null: nobody can be asked now.</returns>
    private static async Task<DiskPresence?> LookAsync(TapSlot slot, CancellationToken ct)
    {
        try
        {
            return await slot.Tap.PresenceAsync(ct).ArriveAsync(ct);
        }
        catch (TapException)
        {
            return null;
        }
    }

    // It was at rest at the cut and is out now, untouched; else it may have been written in between. That its instance
    // has ended proves nothing: it may have been plugged in, written and ended since the last look.
    private async Task<bool> StillRestsAsync(CaptureStream stream, TapSlot slot, CancellationToken ct)
    {
        try
        {
            return await LookAsync(slot, ct) is DiskPresence.Unplugged && stream.IsAtRest(slot.Disk.Index);
        }
        catch (OperationCanceledException)
        {
            return false; // the limit; the caller looks at its own token
        }
    }

    private string? NoteOf(CaptureStream stream, string? note)
    {
        var absent = stream.Absent();
        if (absent.Count == 0) return note;
        var names = _slots.Where(s => absent.Contains(s.Disk.Index)).Select(s => s.Disk.Name);
        var without = $"without {string.Join(", ", names)}, unplugged and not known to be copied whole";
        return note is null ? without : $"{note}; {without}";
    }

    [LoggerMessage(ReplicationEvents.VolumeBack, LogLevel.Information,
        "Volume {Volume} of {Group} is not out any more: {Presence}")]
    private partial void LogVolumeBack(string group, string volume, DiskPresence presence);

    [LoggerMessage(ReplicationEvents.VolumeUnwatched, LogLevel.Warning,
        "Volume {Volume} of {Group} was unplugged when its instance ended, and may have been written since: " +
        "points are without that")]
    private partial void LogVolumeUnwatched(string group, string volume);

    [LoggerMessage(ReplicationEvents.VolumeAbsent, LogLevel.Warning,
        "Volume {Volume} of {Group} is unplugged and was not copied whole: points are without it")]
    private partial void LogVolumeAbsent(string group, string volume);
}
