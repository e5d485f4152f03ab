// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Replicas;

/// <summary>
/// The replica at one sequence, for readers on any thread. As long as it is open, folding and trimming keep what it
/// needs. Close it through <see cref="Replica.CloseViewAsync"/>; what is not closed is held again after a restart.
/// </summary>
public abstract class PointInTimeView
{
    private protected PointInTimeView(string name, long sequence)
    {
        Name = name;
        Sequence = sequence;
    }

    public string Name { get; }
    public long Sequence { get; }

    /// <summary>Fills the whole buffer. The range must lie inside the volume.</summary>
    /// <exception cref="ReplicaException">The volume is unknown.</exception>
    public abstract ValueTask ReadAsync(ushort volume, long offset, Memory<byte> buffer, CancellationToken ct);
}
