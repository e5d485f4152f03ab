// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Replicas;

public enum ScrubOutcome
{
    /// <summary>The budget is used up; the pass goes on with the next call.</summary>
    More = 1,
    /// <summary>Everything was read and verified once.</summary>
    PassDone = 2,
}

/// <param name="LastPassAt">End of the last full pass; null: there was none.</param>
/// <param name="LastPassBytes">Bytes read by it; 0 when it was before the replica was opened.</param>
/// <param name="PassBytes">Bytes read by the pass under way; 0: none is.</param>
/// <param name="ChecksumsTo">0 to 1: how much of the base images has checksums.</param>
public sealed record ReplicaScrubState(
    DateTimeOffset? LastPassAt, long LastPassBytes, long PassBytes, double ChecksumsTo);
