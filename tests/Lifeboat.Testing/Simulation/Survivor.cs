// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Segments;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// A block of the newest segment that a crash has left behind a lost one. Nothing that is appended later may ever be
/// continued by it, also when what is appended fills the gap before it to the byte and to the record.
/// </summary>
/// <param name="GapBytes">From the end of the journal to the block.</param>
/// <param name="GapRecords">Sequences in between.</param>
internal sealed record Survivor(int GapBytes, int GapRecords)
{
    private static ReadOnlySpan<byte> Magic => "LBJB"u8;

    /// <summary>Null: there is none.</summary>
    public static async Task<Survivor?> FindAsync(SimulatedDisk disk, string folder)
    {
        var name = disk.Files(folder).Select(f => f.Name).LastOrDefault(n => SegmentName.TryParse(n, out _));
        if (name is null) return null;
        await using var file = await new SimulatedStorage(disk, folder).OpenAsync(name, create: false, default);
        var bytes = new byte[await file.LengthAsync(default)];
        await file.ReadAsync(0, bytes, default);
        return SegmentHeader.TryDecode(bytes, out var header) ? Find(bytes, header) : null;
    }

    private static Survivor? Find(ReadOnlySpan<byte> bytes, SegmentHeader header)
    {
        var (tail, next) = (SegmentHeader.Length, header.FirstSequence);
        while (tail < bytes.Length && IsBlock(bytes[tail..], header.Salt, next, out var block))
            (tail, next) = (tail + BlockCodec.HeaderLength + block.Length, next + block.Count);
        for (var at = tail + 1; at < bytes.Length; at++)
        {
            var found = bytes[at..].IndexOf(Magic);
            if (found < 0) return null;
            at += found;
            if (bytes.Length - at < BlockCodec.HeaderLength) return null;
            var first = BitConverter.ToInt64(bytes[(at + 16)..]);
            if (first > next && IsBlock(bytes[at..], header.Salt, first, out _))
                return new Survivor(at - tail, checked((int)(first - next)));
        }
        return null;
    }

    private static bool IsBlock(ReadOnlySpan<byte> bytes, ulong salt, long first, out BlockHeader header) =>
        BlockCodec.TryRead(bytes, salt, first, out header)
        && header.Length <= bytes.Length - BlockCodec.HeaderLength
        && BlockCodec.IsIntact(bytes, header);
}
