// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Journaling.Segments;

public sealed record JournalOptions
{
    /// <summary>A segment is closed when the next append would make it longer. Bytes.</summary>
    public int SegmentBytes { get; init; } = 64 << 20;
    /// <summary>Trimmed segments kept for reuse: overwriting is about twice as fast as extending a file.</summary>
    public int RecycleMax { get; init; } = 4;
    /// <summary>
    /// No new segment is begun with less room left than this, so that manifests can still be written.
    /// </summary>
    public long ReserveBytes { get; init; } = 64L << 20;
    /// <summary>
    /// An append of so many bytes or more is written as whole blocks of the file, which may go past the page cache, and
    /// its memory kept for who follows closely. Shorter ones wait for the disk longer than their copy takes.
    /// </summary>
    public int WholeBlocksFrom { get; init; } = 768 << 10;
    /// <summary>Bounds that memory. One for all journals of a process, unless it is said otherwise.</summary>
    public WarmBudget Warm { get; init; } = WarmBudget.OfProcess;
    /// <summary>
    /// Numbers that tell the incarnations of a recycled segment apart. Random in production, so that a guest cannot
    /// forge journal bytes in its data; seeded in the simulator.
    /// </summary>
    public required Func<ulong> NewSalt { get; init; }

    public IEnumerable<string> Problems()
    {
        if (SegmentBytes is < 64 << 10 or > 1 << 30)
            yield return $"journal.segmentBytes is {SegmentBytes}; allowed is 64 KiB to 1 GiB";
        if (RecycleMax is < 0 or > 1024) yield return $"journal.recycleMax is {RecycleMax}; allowed is 0 to 1024";
        if (WholeBlocksFrom < 0) yield return "journal.wholeBlocksFrom must not be negative";
        if (ReserveBytes < 0) yield return "journal.reserveBytes must not be negative";
    }
}
