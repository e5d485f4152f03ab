// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Replication.Replicas;

/// <param name="DurableSequence">Everything up to here survives a crash of this host.</param>
/// <param name="Sealed">Points that this flush sealed, oldest first.</param>
public readonly record struct ReplicaFlush(long DurableSequence, IReadOnlyList<RecoveryPoint> Sealed);
