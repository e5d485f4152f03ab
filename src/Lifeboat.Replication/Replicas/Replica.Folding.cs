// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Replication.Replicas;

// Folding moves the base from F towards the oldest state that must stay open:
//
//   expire points ─► FoldingTo durable ─► apply a run to the base, flush ─► F durable ─► trim ─┐
//                                            ▲                                                 │
//                                            └──────────── until FoldingTo or the budget ◄─────┘
//
// A crash anywhere in it is repaired by doing the run again: the base may have bytes of the run already, all of which
// the records of the run cover, so base + (F, S] is right for every S >= FoldingTo, and no other is offered.
public sealed partial class Replica
{
    /// <summary>Moves the base towards the oldest state that must stay open. Call it now and then.</summary>
    /// <param name="now">By this site's clock; decides with the source's times which points are past retention.</param>
    /// <param name="budgetBytes">Stop after about this many bytes of journal.</param>
    /// <exception cref="ReplicaException">Corrupt: a record is damaged; the replica must be made anew.</exception>
    /// <exception cref="StorageException">Reading or writing failed; it may be tried again.</exception>
    public async Task<FoldResult> FoldAsync(DateTimeOffset now, long budgetBytes, CancellationToken ct)
    {
        await _foldGate.EnterAsync(ct);
        long done = 0;
        try
        {
            await ReleaseIdleDigestsAsync(ct);
            await ExpireAsync(now, ct);
            while (FoldedSequence < _manifest.FoldingTo)
            {
                if (done >= budgetBytes) return new FoldResult(FoldOutcome.More, done);
                done += await FoldRunAsync(ct);
            }
            await SpareRoom.KeepAsync(_storage, ct);
            return new FoldResult(FoldOutcome.Idle, done);
        }
        catch (StorageException e) when (e.Fault == StorageFault.Full)
        {
            return new FoldResult(FoldOutcome.Full, done);
        }
        catch (JournalException e)
        {
            throw JournalFailure.Translate(e);
        }
        finally
        {
            _foldGate.Leave();
        }
    }

    // Points past retention go, unless something holds them; then the base may move to the oldest state left.
    private async Task ExpireAsync(DateTimeOffset now, CancellationToken ct)
    {
        await _stateGate.EnterAsync(ct);
        try
        {
            if (Points is not [.., var newest] points) return;
            var kept = Thinning.Keep(points, Retention, now);
            var floor = Floor(kept);
            Invariant.Holds(floor <= newest.Sequence && newest.Sequence <= DurableSequence,
                "folding never passes the newest sealed point");
            if (floor > _manifest.FoldingTo) await ChangeLockedAsync(m => m with { FoldingTo = floor });
            var first = kept[0].Sequence;
            var sequences = kept.Select(p => p.Sequence).ToHashSet();
            ReplacePoints(all =>
                all.Where(p => p.Sequence > newest.Sequence || sequences.Contains(p.Sequence)));
            _marks.Forget(Math.Min(floor, first));
        }
        finally
        {
            _stateGate.Leave();
        }
    }

    private long Floor(IEnumerable<RecoveryPoint> kept)
    {
        if (Flaws.FoldPastViews) return kept.Max(p => p.Sequence);
        var held = kept.Select(p => p.Sequence)
            .Concat(_manifest.Pins.Select(p => p.Sequence))
            .Concat(_manifest.Views.Select(v => v.Sequence));
        return _digestHold is { } digest ? Math.Min(held.Min(), digest) : held.Min();
    }

    private async Task<long> FoldRunAsync(CancellationToken ct)
    {
        var manifest = _manifest;
        using var hold = _journal.Hold(manifest.Folded + 1);
        var run = new FoldRun(_sizes, new StreamState(manifest.StreamId, manifest.InBatch));
        await run.ReadAsync(_journal.Read(manifest.Folded + 1, manifest.FoldingTo), _options.FoldRunBytes, ct);
        if (!Flaws.FoldNothing) await run.ApplyAsync(_images, ct);
        await ChangeAsync(
            m => m with { Folded = run.Last, StreamId = run.State.StreamId, InBatch = run.State.InBatch }, ct);
        hold.Dispose();
        await _journal.TrimAsync(Flaws.TrimUnfolded ? long.MaxValue : run.Last - 1, ct);
        return run.Bytes;
    }
}
