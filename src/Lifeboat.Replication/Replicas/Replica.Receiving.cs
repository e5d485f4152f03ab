// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Replication.Replicas.Checksums;

namespace Lifeboat.Replication.Replicas;

public sealed partial class Replica
{
    private readonly Lock _streamLock = new();
    private StreamState _stream; // changed under _appendGate too
    private long _received;
    private long _refused;

    /// <summary>The stream of the last batch begin appended; empty: none yet.</summary>
    public Guid StreamId
    {
        get { lock (_streamLock) return _stream.StreamId; }
    }

    /// <summary>A batch is open at the end of the journal: no cut is valid there.</summary>
    public bool InBatch
    {
        get { lock (_streamLock) return _stream.InBatch; }
    }

    /// <summary>Bytes of records appended since it was opened.</summary>
    public long ReceivedBytes => Interlocked.Read(ref _received);
    /// <summary>Calls refused because of an older epoch since it was opened.</summary>
    public long RefusedAppends => Interlocked.Read(ref _refused);

    /// <summary>
    /// Checks records and appends them: not durable before the flush. One caller at a time is served.
    /// </summary>
    /// <param name="epoch">The writer's epoch.</param>
    /// <param name="streamId">The stream that the records belong to.</param>
    /// <param name="firstSequence">Sequence of the first record.</param>
    /// <param name="records">Whole records as on the wire, contiguous in sequence; at most 16 MiB.</param>
    /// <exception cref="StorageException">
    /// A write failed, now or earlier, otherwise than by a full disk; reopen the replica.
    /// </exception>
    public ValueTask<ReplicaAppendOutcome> AppendAsync(Epoch epoch, Guid streamId, long firstSequence,
        ReadOnlyMemory<byte> records, CancellationToken ct) =>
        AppendAsync(epoch, streamId, firstSequence, records, null, ct);

    /// <summary>As above, all that is in the room, which must not be looked at any more afterwards.</summary>
    public ValueTask<ReplicaAppendOutcome> AppendAsync(Epoch epoch, Guid streamId, long firstSequence,
        AppendRoom room, CancellationToken ct) => AppendAsync(epoch, streamId, firstSequence, room.Records, room, ct);

    /// <summary>Where to gather records that are appended next.</summary>
    /// <param name="ahead">Bytes of records that are appended before them.</param>
    public AppendRoom NewRoom(int ahead) => new(_journal.LeadAfter(ahead));

    private async ValueTask<ReplicaAppendOutcome> AppendAsync(Epoch epoch, Guid streamId, long firstSequence,
        ReadOnlyMemory<byte> records, AppendRoom? room, CancellationToken ct)
    {
        Invariant.Holds(_manifest.Origin is null, "what keeps a state takes no stream in");
        await _appendGate.EnterAsync(ct);
        try
        {
            await BeginAnewAsync(ct);
            var outcome = await AppendLockedAsync(epoch, streamId, firstSequence, records, room, ct);
            if (outcome == ReplicaAppendOutcome.StaleEpoch) Interlocked.Increment(ref _refused);
            return outcome;
        }
        catch (JournalException e)
        {
            throw JournalFailure.Translate(e);
        }
        finally
        {
            _appendGate.Leave();
        }
    }

    /// <summary>Makes what was appended durable (group commit) and seals the checkpoints in it.</summary>
    /// <exception cref="StorageException">
    /// It failed, now or earlier: nothing more is known to be durable; reopen the replica.
    /// </exception>
    public async ValueTask<ReplicaFlush> FlushAsync(CancellationToken ct)
    {
        try
        {
            var durable = await _journal.FlushAsync(ct);
            if (HasLost) await LookForMendingAsync(ct);
            return new ReplicaFlush(durable, SealUpTo(durable));
        }
        catch (JournalException e)
        {
            throw JournalFailure.Translate(e);
        }
    }

    // A batch may have brought what was lost: its points are sound then, and are listed so at once.
    private async ValueTask LookForMendingAsync(CancellationToken ct)
    {
        try
        {
            await MendAsync(ct);
        }
        catch (Exception e) when (e is StorageException or JournalException)
        {
            // The flush has succeeded. Folding looks again, and says what ails the journal.
        }
    }

    private async ValueTask<ReplicaAppendOutcome> AppendLockedAsync(Epoch epoch, Guid streamId, long firstSequence,
        ReadOnlyMemory<byte> records, AppendRoom? room, CancellationToken ct)
    {
        if (epoch < Epoch && !Flaws.AcceptOldEpoch) return ReplicaAppendOutcome.StaleEpoch;
        if (epoch > Epoch) return ReplicaAppendOutcome.EpochAhead;
        if (streamId == _forsaken && streamId != Guid.Empty) return ReplicaAppendOutcome.UnknownStream;
        var check = new RecordCheck(Epoch, streamId, AppendedSequence, _stream, _volumeSizes.Latest,
            FoldedSequence == 0 && Points.Count == 0, Flaws.AcceptOldEpoch);
        var outcome = check.Run(firstSequence, records.Span);
        if (outcome != ReplicaAppendOutcome.Appended) return outcome;
        if (await GrowAsync(check.Sizes, ct) is { } refused) return refused;
        var appended = room is not null && check.Skip == 0
            ? await _journal.AppendAsync(room, ct)
            : await _journal.AppendAsync(records[check.Skip..], ct);
        if (appended == AppendOutcome.Full) return ReplicaAppendOutcome.Full;
        Interlocked.Add(ref _received, records.Length - check.Skip);
        foreach (var mark in check.Marks)
        {
            _marks.Add(mark);
            _volumeSizes.Add(mark);
        }
        lock (_streamLock) _stream = check.State;
        AddUnsealed(check.Cuts);
        return ReplicaAppendOutcome.Appended;
    }

    // That sums are forgotten is durable before a fold leaves them out: the record of the size may yet be lost. That
    // the added zeroes have theirs is too: else a bit that flips among them makes them pass for a disk of the user's
    // that has something there.
    private async Task GrowAsync(CheckedImage image, long size, CancellationToken ct)
    {
        if (size <= image.SizeBytes) return;
        if (await image.GrowAsync(size, ct) is { } lost)
        {
            foreach (var damage in lost) Note(damage);
            image.ForgetTail();
        }
        if (_manifest.Sums?.FirstOrDefault(s => s.Index == image.Volume)?.To != image.DurableTo)
            await ChangeAsync(m => m with { Sums = Sums() }, ct);
    }

    // Before the record is there: a replica whose image cannot grow must not say that it has it.
    private async ValueTask<ReplicaAppendOutcome?> GrowAsync(
        IReadOnlyDictionary<ushort, long> sizes, CancellationToken ct)
    {
        foreach (var (volume, size) in sizes)
        {
            if (_images[volume] is not { } image || image.SizeBytes >= size) continue;
            await _baseGate.EnterAsync(ct);
            try
            {
                await GrowAsync(image, size, ct);
            }
            catch (ReplicaStoreException)
            {
                return ReplicaAppendOutcome.TargetTooSmall;
            }
            catch (StorageException e) when (e.Fault == StorageFault.Full)
            {
                return ReplicaAppendOutcome.Full;
            }
            finally
            {
                _baseGate.Leave();
            }
        }
        return null;
    }
}
