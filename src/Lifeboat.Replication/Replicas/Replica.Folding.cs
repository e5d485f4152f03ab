// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas.Checksums;

namespace Lifeboat.Replication.Replicas;

// Folding moves the base from F towards the oldest state that must stay open:
//
//   expire points ─► FoldingTo durable ─► sums of a run durable (redo) ─► apply it to the base, flush ─┐
//                                            ▲                                                         ▼
//                                            └── trim ◄── F durable ◄── apply the sums to the table, flush
//
// A crash anywhere in it is repaired by doing the run again: the base may have bytes of the run already, all of which
// the records of the run cover, so base + (F, S] is right for every S >= FoldingTo, and no other is offered. The redo
// has whole sectors of the table, so what a crash tore there is written over too.
public sealed partial class Replica
{
    private const int IdleFoldsMax = 3;

    private FoldCommit? _pending; // changed under _baseGate
    private byte[] _foldRoom = []; // used under _foldGate, and kept while there is something to fold
    private int _idleFolds;

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
            await _journal.IndexDurableAsync(ct);
            await MendAsync(ct);
            await KeepDamagesAsync(ct);
            await ExpireAsync(now, ct);
            while (FoldedSequence < _manifest.FoldingTo)
            {
                if (done >= budgetBytes) return new FoldResult(FoldOutcome.More, done);
                done += await FoldRunAsync(ct);
                await ForgetMendedAsync(ct);
            }
            await SpareRoom.KeepAsync(_storage, ct);
            _idleFolds = done > 0 ? 0 : _idleFolds + 1;
            if (_idleFolds >= IdleFoldsMax) SpareMemory();
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

    /// <summary>
    /// Gives up what is kept for work that may come. A fold does when nothing came for a while; whoever knows that
    /// next to nothing does calls it: the record of a checkpoint is something to fold, every other second.
    /// </summary>
    public async Task SpareMemoryAsync(CancellationToken ct)
    {
        await _foldGate.EnterAsync(ct);
        SpareMemory();
        _foldGate.Leave();
        await _digestGate.EnterAsync(ct);
        _digestBuffer = [];
        _digestGate.Leave();
    }

    private void SpareMemory()
    {
        _foldRoom = [];
        _journal.ForgetWarm(long.MaxValue);
        IoRoom.Spare();
    }

    // Points past retention go, unless something holds them; then the base may move to the oldest state left.
    private async Task ExpireAsync(DateTimeOffset now, CancellationToken ct)
    {
        await _stateGate.EnterAsync(ct);
        try
        {
            // A kept state has no history: who asked for it lets it go, and then all of it goes.
            if (Points is not [.., { IsOrigin: false } newest] points) return;
            // Held whatever the rules say: the newest that can be recovered to, and pins, damaged or not.
            var sound = NewestSound;
            var kept = Thinning.Keep([.. points.Select(p =>
                p == sound || IsPinned(p) ? p with { State = PointState.Pinned } : p)], Retention, now);
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
        await _baseGate.EnterAsync(ct);
        long bytes;
        try
        {
            if (_pending is null) await BeginFoldAsync(manifest, ct);
            bytes = _pending!.Run.Bytes;
            await CommitFoldAsync(_pending, ct);
        }
        finally
        {
            _baseGate.Leave();
        }
        // What mends damage that the run met must be seen before it is trimmed.
        await MendAsync(ct);
        hold.Dispose();
        await _journal.TrimAsync(Flaws.TrimUnfolded ? long.MaxValue : FoldedSequence - 1, ct);
        return bytes;
    }

    // The sums that follow from a run are durable before the base is touched.
    private async Task BeginFoldAsync(ReplicaManifest manifest, CancellationToken ct)
    {
        var run = new FoldRun(_volumeSizes.Latest, new StreamState(manifest.StreamId, manifest.InBatch),
            _options.FoldRunBytes, _foldRoom);
        _foldRoom = [];
        await run.ReadAsync(_journal, manifest.Folded + 1, manifest.FoldingTo, d => Note(d), ct);
        var changes = Flaws.FoldNothing ? [] : await run.PlanAsync(_images,
            (volume, offset, length) => IsMended(volume, offset, length, run.Last), d => Note(d), ct);
        await FoldRedo.WriteAsync(_storage, manifest.Folded, run.Last, changes, ct);
        SetPending(new FoldCommit(run, changes));
    }

    // From the first write to the base until the manifest is there the run is pending, whatever fails.
    private async Task CommitFoldAsync(FoldCommit commit, CancellationToken ct)
    {
        var run = commit.Run;
        if (!Flaws.FoldNothing) await run.ApplyAsync(_images, ct);
        foreach (var change in commit.AllChanges) await _images[change.Volume].Table.ApplyAsync(change, ct);
        foreach (var volume in commit.AllChanges.Select(c => c.Volume).Distinct())
            await _images[volume].Table.FlushAsync(ct);
        await ChangeWithDamagesAsync(
            m => m with
            {
                Folded = run.Last, StreamId = run.State.StreamId, InBatch = run.State.InBatch,
                Volumes = [.. m.Volumes.Select(v => v with { SizeBytes = run.SizeOf(v.Index) ?? v.SizeBytes })],
            }, ct);
        SetPending(null);
        _foldRoom = run.Release(); // the gate is ours: who had to look at it has
        _journal.ForgetWarm(run.Last);
    }

    // What a crash has cut off is done again before anything is read. No room: it stays pending, and is verified as
    // what it is, for a full disk must not keep anybody from opening a view.
    private async Task DoFoldAgainAsync(CancellationToken ct)
    {
        var manifest = _manifest;
        if (await FoldRedo.TryReadAsync(_storage, manifest.Folded, ct) is not { } redo
            || redo.To > manifest.FoldingTo) return;
        var run = new FoldRun(
            _volumeSizes.Latest, new StreamState(manifest.StreamId, manifest.InBatch), int.MaxValue, []);
        await run.ReadAsync(_journal, manifest.Folded + 1, redo.To, d => Note(d), ct);
        SetPending(new FoldCommit(run, redo.Changes));
        try
        {
            await CommitFoldAsync(_pending!, ct);
        }
        catch (StorageException e) when (e.Fault == StorageFault.Full)
        {
            // Folding tries again.
        }
    }

    private void SetPending(FoldCommit? pending)
    {
        _pending = pending;
        foreach (var image in _images.Values) image.Pending = pending;
    }
}
