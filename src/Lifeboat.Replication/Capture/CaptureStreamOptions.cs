// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;

namespace Lifeboat.Replication.Capture;

/// <summary>What a stream is from its first record on.</summary>
public sealed record CaptureStreamOptions
{
    public required Epoch Epoch { get; init; }
    /// <summary>New whenever the source lost its memory of what it captured.</summary>
    public required Guid StreamId { get; init; }
    /// <summary>One more than what is durable at the recovery site; 1 for a new replica.</summary>
    public required long FirstSequence { get; init; }
    public required IReadOnlyList<StreamVolume> Volumes { get; init; }
    /// <summary>The recovery site has no point that could need what a shorter volume has no more.</summary>
    public bool MayShrink { get; init; }
    /// <summary>Memory for records that are not durable yet, in bytes.</summary>
    public required long OutboxBytes { get; init; }
    /// <summary>When more memory than this is taken, the oldest records go to the log; null: there is none.</summary>
    public long? SpillAboveBytes { get; init; }
    /// <summary>A hold that lasts longer is abandoned by the writers that wait.</summary>
    public TimeSpan HoldLimit { get; init; } = TimeSpan.FromMilliseconds(50);

    public IEnumerable<string> Problems()
    {
        if (StreamId == Guid.Empty) yield return "stream.streamId is empty";
        if (FirstSequence < 1) yield return $"stream.firstSequence is {FirstSequence}; the least is 1";
        if (Volumes.Count == 0) yield return "stream.volumes is empty";
        if (Volumes.DistinctBy(v => v.Index).Count() != Volumes.Count) yield return "stream.volumes: an index twice";
        if (OutboxBytes < 1 << 20) yield return $"stream.outboxBytes is {OutboxBytes}; the least is 1 MiB";
        if (SpillAboveBytes is { } mark && (mark < 0 || mark > OutboxBytes))
            yield return $"stream.spillAboveBytes is {mark}; allowed is 0 to outboxBytes";
        if (HoldLimit <= TimeSpan.Zero) yield return "stream.holdLimit must be positive";
    }
}

/// <param name="SizeBytes">Virtual size in bytes; what lies beyond is refused.</param>
/// <param name="StatedBytes">What the recovery site has it as, 0: not yet; null: the same.</param>
public readonly record struct StreamVolume(ushort Index, long SizeBytes, long? StatedBytes = null);
