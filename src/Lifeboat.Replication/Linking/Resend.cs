// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Replication.Linking;

/// <summary>
/// The recovery site has lost these ranges to damage: the source sends them again as a batch, in its own time. Asked
/// again while they are lost; a repeated one changes nothing.
/// </summary>
public sealed record Resend(IReadOnlyList<LostRange> Ranges)
{
    public const int RangesMax = 256;
    private const int RangeBytes = 2 + 8 + 8;

    public byte[] Encode()
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Ranges.Count, RangesMax);
        var message = MessageCodec.New(2 + RangeBytes * Ranges.Count);
        var writer = new WireWriter(message.AsSpan(MessageCodec.HeaderLength));
        writer.UInt16((ushort)Ranges.Count);
        foreach (var range in Ranges)
        {
            writer.UInt16(range.Volume);
            writer.Int64(range.Offset);
            writer.Int64(range.Length);
        }
        MessageCodec.Seal(message, MessageKind.Resend);
        return message;
    }

    /// <exception cref="LinkException">Protocol: a field is not what it can be.</exception>
    public static Resend Decode(ReadOnlySpan<byte> payload)
    {
        var reader = new WireReader(payload);
        var count = reader.UInt16();
        if (count is 0 or > RangesMax) throw MessageCodec.Fault($"{count} lost ranges");
        var ranges = new LostRange[count];
        for (var i = 0; i < count; i++)
        {
            ranges[i] = new LostRange(reader.UInt16(), reader.Count64(), reader.Count64());
            if (ranges[i].Length == 0 || ranges[i].Offset > long.MaxValue - ranges[i].Length)
                throw MessageCodec.Fault($"a lost range of {ranges[i].Length} bytes at {ranges[i].Offset}");
        }
        reader.End();
        return new Resend(ranges);
    }
}
