// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Replicas;

/// <summary>
/// The replica at one sequence, for readers on any thread. As long as it is leased, folding and trimming keep what it
/// needs. <see cref="Replica.CloseViewAsync"/> ends the lease; disposing alone only closes files, as a restart does.
/// </summary>
public abstract class PointInTimeView : IAsyncDisposable
{
    private protected PointInTimeView(string name, long sequence, IReadOnlyDictionary<ushort, long> sizes)
    {
        Name = name;
        Sequence = sequence;
        Sizes = sizes;
    }

    /// <summary>Bytes of each volume that is there at this sequence.</summary>
    public IReadOnlyDictionary<ushort, long> Sizes { get; }

    public string Name { get; }
    public long Sequence { get; }

    /// <summary>Fills the whole buffer. The range must lie inside the volume.</summary>
    /// <exception cref="ReplicaException">VolumeUnknown, or Damaged: the range has lost bytes.</exception>
    public abstract ValueTask ReadAsync(ushort volume, long offset, Memory<byte> buffer, CancellationToken ct);

    public abstract ValueTask DisposeAsync();
}
