// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Replication.Replicas;

/// <summary>What the journal says, in the words of the replica's callers.</summary>
internal static class JournalFailure
{
    public static Exception Translate(JournalException e) => e.Fault switch
    {
        JournalFault.Corrupt or JournalFault.RecordDamaged => new ReplicaException(ReplicaFault.Corrupt, e.Message, e),
        JournalFault.Poisoned => new StorageException(StorageFault.Io, e.Message, e),
        JournalFault.SequenceUnknown => new ReplicaException(ReplicaFault.SequenceUnknown, e.Message, e),
    };
}
