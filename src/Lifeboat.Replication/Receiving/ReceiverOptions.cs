// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Segments;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Linking.Compression;

namespace Lifeboat.Replication.Receiving;

public sealed record ReceiverOptions
{
    /// <summary>The only site whose certificate may ship into this replica.</summary>
    public required string PrimarySite { get; init; }
    public LinkTimings Timings { get; init; } = LinkTimings.Default;
    /// <summary>How a source may pack its frames.</summary>
    public FrameAbilities Accepts { get; init; } = FrameAbilities.All;
    /// <summary>Bytes of frames at hand that are appended together; a longer frame is appended alone.</summary>
    public int AppendBytes { get; init; } = AppendRoom.RecordsMax;
    /// <summary>Bytes appended before a flush is forced although more is at hand.</summary>
    public long FlushBytes { get; init; } = 8 << 20;
    /// <summary>
    /// Longest time appended records wait for a flush because more is at hand: a source that outruns the journal would
    /// else hear nothing until its outbox is full.
    /// </summary>
    public TimeSpan FlushDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    public IEnumerable<string> Problems()
    {
        if (AppendBytes is < 1 or > AppendRoom.RecordsMax)
            yield return $"receiver.appendBytes is {AppendBytes}; allowed is 1 to {AppendRoom.RecordsMax}";
        if (FlushBytes < 64 << 10) yield return $"receiver.flushBytes is {FlushBytes}; the least is 64 KiB";
        if (FlushDelay <= TimeSpan.Zero) yield return "receiver.flushDelay must be positive";
        foreach (var problem in Timings.Problems()) yield return problem;
    }
}
