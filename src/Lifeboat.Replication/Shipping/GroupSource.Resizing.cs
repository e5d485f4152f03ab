// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Replication.Shipping;

// A disk that grew: its mirror was let go of (QEMU resizes no disk that a job uses), so a batch is open, and the next
// attach finds another size. That size is a record of the batch: before its end nobody can see it, and every point
// keeps the size that the volume had then (docs/decisions/0016-a-size-is-a-record.md).
public sealed partial class GroupSource
{
    private bool MayResize(CaptureStream stream, TapSlot slot, long sizeBytes) => _statesSizes
        && (sizeBytes > slot.SizeBytes || (sizeBytes < slot.SizeBytes && stream.MayShrink));

    private void NoteSize(CaptureStream stream, TapSlot slot, long sizeBytes)
    {
        if (!_statesSizes) return;
        if (MayResize(stream, slot, sizeBytes))
        {
            LogVolumeResized(_options.Group, slot.Disk.Name, slot.SizeBytes, sizeBytes);
            slot.SizeBytes = sizeBytes;
        }
        // What is new may be anything at a disk of the user's there: it is brought whatever the change map says.
        if (stream.StateSize(slot.Disk.Index, slot.SizeBytes) is { } added) slot.Lost = [.. slot.Lost, added];
    }

    // What a volume had beyond its new end would come back when it grows again: it is protected anew.
    private static void RefuseSmaller(CaptureStream stream, TapSlot slot)
    {
        var there = stream.StatedSize(slot.Disk.Index);
        if (there <= slot.SizeBytes) return;
        slot.Tap.LetGo();
        throw new TapException(TapFault.SizeChanged,
            $"the disk has {slot.SizeBytes} bytes, the replica {there}: a disk that became smaller is protected anew");
    }

    [LoggerMessage(ReplicationEvents.VolumeResized, LogLevel.Information,
        "Volume {Volume} of {Group} went from {Before} to {After} bytes")]
    private partial void LogVolumeResized(string group, string volume, long before, long after);
}
