// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Replication.Replicas;

/// <summary>
/// The recovery site's copy of a group: base images at the folded sequence and the journal behind it.
/// </summary>
public sealed partial class Replica : IAsyncDisposable
{
    private const string Building = "under construction: signatures are final, bodies follow";

    /// <summary>
    /// Opens the replica in this storage, or makes it when there is none. A higher epoch is taken over.
    /// </summary>
    /// <exception cref="ReplicaException">It was made for other volumes, or is damaged.</exception>
    /// <exception cref="ReplicaStoreException">A base image cannot be had.</exception>
    public static Task<Replica> OpenAsync(ReplicaDefinition definition, ReplicaOptions options, IStorage storage,
        IReplicaStore store, TimeProvider time, CancellationToken ct) => throw new InvalidOperationException(Building);

    public ReplicaDefinition Definition => throw new InvalidOperationException(Building);
    public Guid ReplicaId => throw new InvalidOperationException(Building);
    public Epoch Epoch => throw new InvalidOperationException(Building);
    /// <summary>The stream of the last batch begin appended; empty: none yet.</summary>
    public Guid StreamId => throw new InvalidOperationException(Building);
    /// <summary>A batch is open at the end of the journal: no cut is valid there.</summary>
    public bool InBatch => throw new InvalidOperationException(Building);
    public long AppendedSequence => throw new InvalidOperationException(Building);
    public long DurableSequence => throw new InvalidOperationException(Building);
    public long FoldedSequence => throw new InvalidOperationException(Building);
    public long JournalBytes => throw new InvalidOperationException(Building);
    /// <summary>A base began as a seed or the user's disk: what was never received may be anything.</summary>
    public bool Seeded => throw new InvalidOperationException(Building);
    /// <summary>Sealed points that can be opened, oldest first. A snapshot; pinned ones say so.</summary>
    public IReadOnlyList<RecoveryPoint> Points => throw new InvalidOperationException(Building);

    /// <summary>Once this returns, no record of an older epoch is accepted, also after a crash.</summary>
    /// <exception cref="ReplicaException">The epoch is lower than the present one.</exception>
    public Task RaiseEpochAsync(Epoch epoch, CancellationToken ct) => throw new InvalidOperationException(Building);

    /// <summary>
    /// Checks records and appends them: not durable before the flush. One caller at a time is served.
    /// </summary>
    /// <param name="records">Whole records as on the wire, contiguous in sequence.</param>
    /// <exception cref="StorageException">Anything but a full disk; reopen the replica.</exception>
    public ValueTask<ReplicaAppendOutcome> AppendAsync(Epoch epoch, Guid streamId, long firstSequence,
        ReadOnlyMemory<byte> records, CancellationToken ct) => throw new InvalidOperationException(Building);

    /// <summary>Makes what was appended durable (group commit) and seals the checkpoints in it.</summary>
    /// <exception cref="StorageException">The flush failed; nothing is known to be durable; reopen the
    /// replica.</exception>
    public ValueTask<ReplicaFlush> FlushAsync(CancellationToken ct) => throw new InvalidOperationException(Building);

    /// <summary>Keeps a point until unpinned. Pinning again under the same name changes nothing.</summary>
    /// <exception cref="ReplicaException">PointUnknown.</exception>
    public Task PinAsync(string name, Guid pointId, CancellationToken ct) =>
        throw new InvalidOperationException(Building);

    /// <summary>Unpinning what is not pinned succeeds.</summary>
    public Task UnpinAsync(string name, CancellationToken ct) => throw new InvalidOperationException(Building);

    /// <summary>Opens the replica at a durable sequence. The same name, sequence and mode give the same view.</summary>
    /// <param name="sequence">Null: the newest sealed point.</param>
    /// <exception cref="ReplicaException">SequenceUnknown or ViewConflict.</exception>
    public Task<PointInTimeView> OpenViewAsync(string name, long? sequence, bool writable, CancellationToken ct) =>
        throw new InvalidOperationException(Building);

    /// <summary>Drops the view and what was written to it. Closing what is not open succeeds.</summary>
    public Task CloseViewAsync(string name, CancellationToken ct) => throw new InvalidOperationException(Building);

    /// <summary>Moves the base towards the oldest state that must stay open. Call it now and then.</summary>
    /// <param name="budgetBytes">Stop after about this many bytes of journal.</param>
    public Task<FoldResult> FoldAsync(DateTimeOffset now, long budgetBytes, CancellationToken ct) =>
        throw new InvalidOperationException(Building);

    /// <summary>
    /// Digests (SHA-256, first 16 bytes) of the blocks of a range as the replica has it at a sequence, open batch
    /// included. The last block may be short.
    /// </summary>
    /// <param name="digests">16 bytes for each block.</param>
    public ValueTask DigestAsync(ushort volume, long offset, long length, int blockBytes, long sequence,
        Memory<byte> digests, CancellationToken ct) => throw new InvalidOperationException(Building);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
