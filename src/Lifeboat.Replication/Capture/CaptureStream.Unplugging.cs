// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Capture;

// A disk that was taken out of its instance keeps nobody up:
//
//   WHOLE ──unplugged──► AT REST: nothing of it is missing; every cut looks whether it still is out
//   else  ──unplugged──► ABSENT: what it had is not all there; points go on without it and say so
//   AT REST ──its instance ended──► ABSENT: nobody can say whether it was in again for a moment before
//   both  ──plugged in──► a batch opens, and it is attached and pulled as any volume that was lost
public sealed partial class CaptureStream
{
    /// <summary>The disk of this sink was taken out, and everything written to it is in the stream.</summary>
    internal void MarkUnplugged(VolumeSink sink)
    {
        lock (_gate)
        {
            var state = sink.State;
            if (_closed || state.Sink != sink) return;
            if (state.Whole)
            {
                (state.Sink, state.Written, state.AtRest) = (null, null, true);
                state.WholeUntilLost = state.EndedWhole = false;
            }
            else LoseLocked(sink);
        }
        _toTend.Set();
    }

    /// <summary>It is out, and what it had is not all in the stream: points are cut without it from here on.</summary>
    internal void MarkAbsent(ushort volume)
    {
        lock (_gate)
        {
            var state = _byIndex[volume];
            if (_closed || state.Sink is not null || state.AtRest || state.Whole) return;
            state.Absent = _volumes.Any(v => v != state && !v.Absent);
        }
        _toTend.Set();
    }

    /// <summary>It was at rest, and nobody can vouch for that any more; the others go on without it.</summary>
    /// <returns>Whether that changed anything.</returns>
    internal bool MarkUnwatched(ushort volume)
    {
        lock (_gate)
        {
            var state = _byIndex[volume];
            if (_closed || !state.AtRest || !_volumes.Any(v => v != state && !v.Absent)) return false;
            (state.AtRest, state.Whole, state.Absent) = (false, false, true);
        }
        _toTend.Set();
        return true;
    }

    /// <summary>It is in again, or nobody can vouch for it any more.</summary>
    internal void MarkPlugged(ushort volume)
    {
        lock (_gate)
        {
            var state = _byIndex[volume];
            if (_closed || !(state.AtRest || state.Absent)) return;
            state.AtRest = state.Absent = state.Whole = false;
            if (!_batchOpen) BeginBatch([state]);
        }
        _toTend.Set();
    }

    internal bool IsOut(ushort volume)
    {
        lock (_gate) return _byIndex[volume] is { AtRest: true } or { Absent: true };
    }

    internal bool IsAtRest(ushort volume)
    {
        lock (_gate) return !_closed && _byIndex[volume].AtRest;
    }

    /// <summary>Volumes whose state of a cut made now is not what their disks hold.</summary>
    internal IReadOnlyList<ushort> Absent()
    {
        lock (_gate) return [.. _volumes.Where(v => v.Absent).Select(v => v.Index)];
    }

    internal IReadOnlyList<ushort> Resting()
    {
        lock (_gate) return [.. _volumes.Where(v => v.AtRest).Select(v => v.Index)];
    }
}
