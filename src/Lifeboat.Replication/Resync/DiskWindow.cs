// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;

namespace Lifeboat.Replication.Resync;

/// <summary>A part of a disk in memory, a few megabytes of it at a time.</summary>
internal sealed class DiskWindow(IGapReader disk, long sizeBytes, SyncCounters counters)
{
    public const int LengthMax = 4 << 20;
    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>((int)Math.Min(LengthMax, sizeBytes));

    /// <summary>Offset of its first byte.</summary>
    public long Start { get; set; }

    public Memory<byte> At(long offset, long length) => _bytes.AsMemory((int)(offset - Start), (int)length);

    public async ValueTask ReadAsync(long offset, long length, CancellationToken ct)
    {
        await disk.ReadAsync(offset, At(offset, length), ct);
        counters.AddExamined(length);
    }

    /// <summary>Fills a range: what the extents say is stored is read, the rest is zeroes.</summary>
    /// <returns>False: all of it is zeroes, and nothing was filled in.</returns>
    public async ValueTask<bool> FillAsync(
        IReadOnlyList<GapExtent> extents, long from, long to, CancellationToken ct)
    {
        var stored = PullArea.Aligned(extents, from, to, 1, zeroesToo: false);
        if (stored.Count == 0) return false;
        At(from, to - from).Span.Clear();
        foreach (var part in stored) await ReadAsync(part.Start, part.Length, ct);
        return true;
    }
}
