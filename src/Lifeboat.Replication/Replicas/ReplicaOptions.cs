// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Segments;

namespace Lifeboat.Replication.Replicas;

public sealed record ReplicaOptions
{
    /// <summary>Where new replica ids come from; random in production, seeded in the simulator.</summary>
    public required Func<Guid> NewId { get; init; }
    public required JournalOptions Journal { get; init; }
    /// <summary>Records are folded in runs of about this many bytes, held in memory meanwhile.</summary>
    public int FoldRunBytes { get; init; } = 32 << 20;

    public IEnumerable<string> Problems()
    {
        foreach (var problem in Journal.Problems()) yield return problem;
        if (FoldRunBytes is < 64 << 10 or > 1 << 30)
            yield return $"replica.foldRunBytes is {FoldRunBytes}; allowed is 64 KiB to 1 GiB";
    }
}
