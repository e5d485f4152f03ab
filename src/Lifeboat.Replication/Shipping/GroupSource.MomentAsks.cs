// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Checkpoints;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Moments;
using Lifeboat.Replication.Resync;

namespace Lifeboat.Replication.Shipping;

// What others want of a source of moments: a point now, quiesced or of guests that are shut down; ranges that the
// recovery site has lost; a disk left alone for a while; and that nothing costs the instances anything while the link
// is away.
public sealed partial class GroupSource
{
    // A guest is frozen meanwhile; the moment before must be done by then.
    private static readonly TimeSpan QuietPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan AskPatience = TimeSpan.FromMinutes(2);

    private async Task<CheckpointOutcome> AskMomentAsync(IReadOnlyDictionary<string, Consistency> quiesced,
        string? label, QuiesceNote note, Func<Task<bool>> confirm, CancellationToken ct)
    {
        await _cutting.EnterAsync(ct);
        try
        {
            if (!_connected || _stream is not { IsGivenUp: false, IsLeft: false })
                return new CheckpointOutcome(null, TimeSpan.Zero, NotCapturing(),
                    "a moment is taken only while the recovery site is connected");
            var ask = new MomentAsk(quiesced, label, note, confirm);
            Volatile.Write(ref _ask, ask);
            _momentWanted.Set();
            var frozen = quiesced.Values.Any(c => c is Consistency.FileSystem or Consistency.Application);
            var patience = frozen ? QuietPatience : AskPatience;
            if (!await Waiting.ForAsync(ask.Begun.ArriveAsync, patience, _time, ct)
                && Interlocked.CompareExchange(ref _ask, null, ask) == ask)
                return new CheckpointOutcome(null, TimeSpan.Zero, ReasonCode.Conflict,
                    "the moment before is still being sent");
            return await ask.Outcome.ArriveAsync(ct);
        }
        finally
        {
            Volatile.Write(ref _ask, null);
            _cutting.Leave();
        }
    }

    // Nobody will take a moment any more.
    private void EndMoments()
    {
        Interlocked.Exchange(ref _ask, null)?.Fail(ReasonCode.CaptureLost, "the source has ended");
        _work?.Ask?.Fail(ReasonCode.CaptureLost, "the source has ended");
    }

    // An image makes the instances copy what they overwrite: not for as long as a link may be away.
    private async Task DropStaleMomentAsync(CancellationToken ct)
    {
        if (_work is not { Point: null } work) return;
        if (Held is null && _time.GetElapsedTime(_sessionOverAt) < MomentHold) return;
        await GiveUpMomentAsync(work, Held is null ? ReasonCode.LinkDown : ReasonCode.SuspendedByOperator,
            "the link was away for too long", ct);
    }

    /// <returns>The recovery site lacks something that it had: the next moment brings it.</returns>
    private bool NoteLost(CaptureStream stream)
    {
        if (_resend is { } resend && _work is null && !stream.InBatch)
        {
            _resend = null;
            foreach (var slot in _slots) NoteLost(slot, resend);
        }
        return Array.Exists(_slots, s => s.Lost.Count > 0);
    }

    private void NoteLost(TapSlot slot, Resend resend)
    {
        slot.Lost = LostExtents.Of(resend.Ranges
            .Where(r => r.Volume == slot.Disk.Index && r.Offset + r.Length <= slot.SizeBytes)
            .Select(r => (r.Offset, r.Length)));
        if (slot.Lost.Count == 0) return;
        slot.Detail = $"the recovery site has lost {slot.Lost.Sum(e => e.Length)} bytes of it";
        LogResend(_options.Group, slot.Disk.Name, slot.Lost.Sum(e => e.Length), slot.Lost.Count);
    }

    // Between two moments nothing of ours but a change map is on a disk; in one there are images.
    private async Task ReleaseFromMomentsAsync(TapSlot slot, TimeSpan length, string why, CancellationToken ct)
    {
        slot.Release = new VolumeRelease(_time.GetUtcNow() + length, why);
        slot.Detail = $"released: {why}";
        _moments!.Tap.LetGo();
        await _momentTurn.EnterAsync(ct);
        try
        {
            await _moments.Tap.DetachAsync(ct);
            LogReleased(_options.Group, slot.Disk.Name, slot.Release.Until, why);
        }
        catch
        {
            slot.Release = null;
            throw;
        }
        finally
        {
            _momentTurn.Leave();
            _momentWanted.Set();
        }
    }

    private DateTimeOffset? MomentUnderWay
    {
        get { lock (_gate) return _momentUnderWay; }
        set { lock (_gate) _momentUnderWay = value; }
    }

    // The newest that the recovery site has.
    private DateTimeOffset? LastMoment
    {
        get { lock (_gate) return _lastMoment; }
        set { lock (_gate) _lastMoment = value; }
    }

    private DateTimeOffset NextMoment()
    {
        var now = _time.GetUtcNow();
        if (!_everTaken) return now;
        var left = TimeSpan.FromSeconds((DueAt - _time.GetTimestamp()) / (double)_time.TimestampFrequency);
        return left > TimeSpan.Zero ? now + left : now;
    }

    private MomentsSnapshot? MomentsNow()
    {
        if (_moments is null) return null;
        var due = Trigger is MomentTrigger.Periodic || !_everTaken ? NextMoment() : (DateTimeOffset?)null;
        var under = MomentUnderWay;
        return new MomentsSnapshot(MomentPeriod, LastMoment, Volatile.Read(ref _lastMomentBytes), under,
            Held is not null ? null : due, Volatile.Read(ref _momentsGivenUp), _momentFailure);
    }
}
