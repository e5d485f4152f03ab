// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Checkpoints;

namespace Lifeboat.Replication.Shipping;

// A checkpoint in its phases, for one over this group and for one shared with other groups on any agents:
//
//   RESERVE (no other cut) ──► HOLD (appends wait) ──► CUT, which releases ──► LOOK at the mirrors ──► SETTLE
//
// Why a shared one is a consistent cut: the coordinator asks for the cut only when every group holds, at a moment T. A
// group's cut fails when its hold is older than the hold limit, so each group that was cut held at T. A write that a
// guest issues after a write of another group was acknowledged behind that group's cut is issued after T, so it waits
// for its own group's cut too, and stands behind it.
public sealed partial class GroupSource
{
    /// <summary>
    /// Reserves the group for a checkpoint shared with others; until it is disposed no other is cut. While one is cut
    /// already it waits.
    /// </summary>
    public async Task<SharedCut> ReserveAsync(CancellationToken ct)
    {
        await _cutting.EnterAsync(ct);
        return new SharedCut(this);
    }

    private HeldCut? Hold() =>
        _moments is null && _stream is { IsGivenUp: false } stream ? new HeldCut(this, stream) : null;

    /// <summary>This group's part in a checkpoint over several groups. One caller at a time.</summary>
    public sealed class SharedCut : IDisposable
    {
        private readonly GroupSource _source;
        private HeldCut? _held;
        private bool _done;

        internal SharedCut(GroupSource source) => _source = source;

        /// <summary>From here on appends wait, but no longer than the hold limit.</summary>
        /// <returns>False: nothing is captured now.</returns>
        public bool Hold()
        {
            Invariant.Holds(!_done && _held is null, "a shared checkpoint is held once");
            _held = _source.Hold();
            return _held is not null;
        }

        /// <summary>Adds the record and releases the appends. It is not shipped before it is settled.</summary>
        public CheckpointOutcome Cut(Guid id, DateTimeOffset at, string? label)
        {
            if (_held is null)
                return new CheckpointOutcome(null, TimeSpan.Zero, _source.NotCapturing(), "nothing is held");
            return _held.Cut(sequence => new RecoveryPoint(id, sequence, _source._options.Epoch, at,
                Consistency.Crash, PointState.Open, label, _held.Note(null), Nobody), cleanShutdown: false);
        }

        /// <summary>Every mirror was seen intact after the cut.</summary>
        public Task<bool> LookAsync(CancellationToken ct) =>
            _held is null ? Task.FromResult(false) : _held.LookAsync(ct);

        /// <param name="agreed">Every group was cut and seen intact: the point counts. Else it is withdrawn.</param>
        public void Settle(bool agreed) => _held?.Settle(agreed);

        /// <summary>Releases whatever is held; what is not settled is withdrawn.</summary>
        public void Dispose()
        {
            if (_done) return;
            _done = true;
            _held?.Settle(agreed: false);
            _source._cutting.Leave();
        }
    }

    // Of one stream; that stream may be given up at any moment, which each phase hears of by itself.
    private sealed class HeldCut(GroupSource source, CaptureStream stream) : IDisposable
    {
        private readonly IReadOnlyList<VolumeSink> _sinks = stream.OpenSinks();
        private readonly IReadOnlyList<ushort> _resting = stream.Resting();
        private readonly StreamHold _hold = stream.Hold();
        private RecoveryPoint? _point;
        private bool _settled;

        /// <summary>What is to be said of the point, asked at its cut.</summary>
        public string? Note(string? note) => source.NoteOf(stream, note);

        public CheckpointOutcome Cut(Func<long, RecoveryPoint> make, bool cleanShutdown)
        {
            CutOutcome cut;
            using (_hold) cut = _hold.Cut(make, cleanShutdown, out _point);
            if (_point is null)
                return new CheckpointOutcome(null, _hold.Held, source.ReasonOf(cut), $"no checkpoint: {cut}");
            source._points.Add(_point);
            return new CheckpointOutcome(_point, _hold.Held, ReasonCode.None);
        }

        public Task<bool> LookAsync(CancellationToken ct) => source.AllIntactAsync(stream, _sinks, _resting, ct);

        public void Dispose() => Settle(agreed: false);

        public void Settle(bool agreed)
        {
            _hold.Dispose();
            if (_settled || _point is not { } point) return;
            _settled = true;
            if (agreed)
            {
                stream.Confirm(point.Sequence);
                return;
            }
            stream.Withdraw(point.Sequence);
            source._points.Drop(point.Id);
            source.LogPointWithdrawn(source._options.Group, point.Id, point.Sequence);
        }
    }
}
