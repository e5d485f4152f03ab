// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Replicas;

public enum ReplicaFault
{
    /// <summary>Volumes or name differ from what the replica was made with.</summary>
    DefinitionChanged = 1,
    /// <summary>The sequence is not in the history, or is older than what is kept.</summary>
    SequenceUnknown = 2,
    PointUnknown = 3,
    VolumeUnknown = 4,
    /// <summary>A view of this name is open at another sequence or in another mode.</summary>
    ViewConflict = 5,
    /// <summary>Manifest or journal cannot be what this code wrote.</summary>
    Corrupt = 6,
    EpochWouldFall = 7,
    /// <summary>Bytes of this state are damaged; all others can be read.</summary>
    Damaged = 8,
}

public sealed class ReplicaException(ReplicaFault fault, string message, Exception? cause = null)
    : Exception(message, cause)
{
    public ReplicaFault Fault => fault;
}
