// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Replicas;

/// <summary>What became of records offered to a replica. Only <see cref="Appended"/> added any.</summary>
public enum ReplicaAppendOutcome
{
    Appended = 1,
    /// <summary>The replica has all of them already.</summary>
    Duplicate = 2,
    /// <summary>The writer's epoch is older than the replica's: it is fenced.</summary>
    StaleEpoch = 3,
    /// <summary>The writer's epoch is newer: the replica must be raised to it first.</summary>
    EpochAhead = 4,
    /// <summary>Another stream, and the records do not begin with its batch begin.</summary>
    UnknownStream = 5,
    /// <summary>Records in between are missing, or the batch of records is not contiguous.</summary>
    SequenceGap = 6,
    /// <summary>A checkpoint between a batch begin and its end, which can be no cut.</summary>
    CheckpointInBatch = 7,
    OutOfRange = 8,
    UnknownVolume = 9,
    /// <summary>A bad checksum or a record that contradicts itself.</summary>
    Corrupt = 10,
    /// <summary>No room. Nothing of the call was kept; it may be offered again.</summary>
    Full = 11,
    /// <summary>A volume grew and its image cannot.</summary>
    TargetTooSmall = 12,
}
