// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Indexing;

namespace Lifeboat.Replication.Replicas;

/// <summary>
/// The replica at one sequence, for readers on any thread. As long as it is leased, folding and trimming keep what it
/// needs. <see cref="Replica.CloseViewAsync"/> ends the lease; disposing alone only closes files, as a restart does.
/// </summary>
public abstract class PointInTimeView : IAsyncDisposable
{
    private protected PointInTimeView(string name, ReplicaReader source)
    {
        Name = name;
        Source = source;
        Sequence = source.Sequence;
        Sizes = source.Sizes;
    }

    private protected ReplicaReader Source { get; }

    /// <summary>Bytes of each volume that is there at this sequence.</summary>
    public IReadOnlyDictionary<ushort, long> Sizes { get; }

    public string Name { get; }
    public long Sequence { get; }

    /// <summary>Fills the whole buffer. The range must lie inside the volume.</summary>
    /// <exception cref="ReplicaException">VolumeUnknown, or Damaged: the range has lost bytes.</exception>
    public abstract ValueTask ReadAsync(ushort volume, long offset, Memory<byte> buffer, CancellationToken ct);

    /// <summary>
    /// Where a volume may differ between this view, as it was opened, and another sequence of the same replica, older
    /// or newer: in order, joined where ranges meet. It has every byte that differs, and is not much more.
    /// </summary>
    /// <param name="replica">Whose sequence it is; another replica's says nothing here.</param>
    /// <returns>Null: nobody knows any more, as when history was folded past the older of the two.</returns>
    public async Task<IReadOnlyList<ChangedRange>?> ChangesAsync(
        ushort volume, Guid replica, long sequence, CancellationToken ct) =>
        await Source.ChangesAsync(replica, sequence, ct) is not { } all ? null
            : all.GetValueOrDefault(volume) ?? [];

    /// <summary>Which replica it is a view of now.</summary>
    public Guid ReplicaId => Source.ReplicaId;

    public abstract ValueTask DisposeAsync();
}
