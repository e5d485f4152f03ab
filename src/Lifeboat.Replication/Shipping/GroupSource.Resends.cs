// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Resync;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Replication.Shipping;

// The recovery site has lost something that it had: a volume with lost ranges is attached once more, and the pull of
// that attach brings them besides its gap. So they enter as every resync does, as one batch, without what the guest
// has written since; and an instance that is not there, a link that breaks, a new stream are nothing special.
public sealed partial class GroupSource
{
    private volatile Resend? _resend;

    private void HearResend(CaptureStream stream, Resend resend)
    {
        _resend = resend;
        stream.ToTend.Set();
        _momentWanted.Set();
    }

    // Not inside a batch: what it brings may be all that is asked for.
    private void BeginResend(CaptureStream stream)
    {
        if (_resend is not { } resend || stream.InBatch || stream.IsGivenUp || _batchEnd is not null) return;
        _resend = null;
        foreach (var slot in _slots)
        {
            var lost = LostExtents.Of(resend.Ranges
                .Where(r => r.Volume == slot.Disk.Index && r.Offset + r.Length <= slot.SizeBytes)
                .Select(r => (r.Offset, r.Length)));
            if (lost.Count == 0 || slot.Sink is not { } sink || !stream.IsOpen(sink)) continue;
            slot.Lost = lost;
            slot.Detail = $"the recovery site has lost {lost.Sum(e => e.Length)} bytes of it";
            LogResend(_options.Group, slot.Disk.Name, lost.Sum(e => e.Length), lost.Count);
            SetState(GroupSourcePhase.Resyncing, ReasonCode.ReplicaDamaged, $"{slot.Disk.Name}: {slot.Detail}");
            stream.MarkLost(sink);
            slot.Tap.LetGo();
        }
    }

    [LoggerMessage(ReplicationEvents.ResendAsked, LogLevel.Warning,
        "The recovery site of {Group} has lost {Bytes} bytes of volume {Volume} in {Ranges} ranges: sent again")]
    private partial void LogResend(string group, string volume, long bytes, int ranges);
}
