// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Replicas;

public enum FoldOutcome
{
    /// <summary>The base stands as far as history allows.</summary>
    Idle = 1,
    /// <summary>The budget is used up; there is more to fold.</summary>
    More = 2,
    /// <summary>The base's store has no room; history stays in the journal.</summary>
    Full = 3,
}

/// <param name="FoldedBytes">Bytes of journal folded by this call.</param>
public readonly record struct FoldResult(FoldOutcome Outcome, long FoldedBytes);
