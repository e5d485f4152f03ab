// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>Finds places in a segment file by what docs/formats/journal.md says of it, and turns bits over.</summary>
internal static class JournalBytes
{
    private const int SegmentHead = 4096, BlockHead = 32, RecordHead = 64;

    /// <summary>Where blocks and records begin, in order.</summary>
    public static (List<long> Blocks, List<(long At, byte Kind, int Data)> Records) Of(string segment)
    {
        var bytes = File.ReadAllBytes(segment);
        var blocks = new List<long>();
        var records = new List<(long, byte, int)>();
        for (var at = SegmentHead; at + BlockHead <= bytes.Length && bytes.AsSpan(at, 4).SequenceEqual("LBJB"u8);)
        {
            blocks.Add(at);
            var end = at + BlockHead + BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 4));
            for (at += BlockHead; at < end;)
            {
                var data = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 12));
                records.Add((at, bytes[at + 5], data));
                at += RecordHead + data;
            }
        }
        return (blocks, records);
    }

    public static void Flip(string file, long at, int bit)
    {
        using var open = File.Open(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        open.Position = at;
        var old = open.ReadByte();
        Assert.True(old >= 0, $"{file} has no byte {at}");
        open.Position = at;
        open.WriteByte((byte)(old ^ (1 << bit)));
    }
}
