// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Outbox;

/// <summary>Bounds of the log on disk that takes what does not fit the memory of the outbox.</summary>
public sealed record OutboxLogOptions
{
    /// <summary>Bytes of segments in use; those already shipped but not yet trimmed count.</summary>
    public required long BytesMax { get; init; }
    /// <summary>No segment is begun with less room left on the disk than this. Bytes.</summary>
    public long ReserveBytes { get; init; } = 256 << 20;

    /// <summary>A sixteenth of all, within 64 KiB and 16 MiB: trimming gives back whole segments.</summary>
    public int SegmentBytes => (int)Math.Clamp(BytesMax / 16, 64 << 10, 16 << 20);

    public IEnumerable<string> Problems()
    {
        if (BytesMax < 1 << 20) yield return $"outboxLog.bytesMax is {BytesMax}; the least is 1 MiB";
        if (ReserveBytes < 0) yield return "outboxLog.reserveBytes must not be negative";
    }
}
