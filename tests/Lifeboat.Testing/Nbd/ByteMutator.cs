// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;

namespace Lifeboat.Testing.Nbd;

/// <summary>Damages a byte string in one to four of the ways that find faults in parsers.</summary>
public sealed class ByteMutator(Prng prng)
{
    private static readonly ulong[] Edges =
    [
        0, 1, 2, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x02000000, 0x02000001, 0x10000, 4096, 4097,
        0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0xfffffffffffff000,
    ];

    public byte[] Mutate(byte[] original)
    {
        var bytes = original.ToList();
        for (var times = prng.Next(1, 5); times > 0 && bytes.Count > 0; times--)
            MutateOnce(bytes);
        return [.. bytes];
    }

    private void MutateOnce(List<byte> bytes)
    {
        var at = prng.Next(bytes.Count);
        var count = Math.Min(prng.Next(1, 64), bytes.Count - at);
        switch (prng.Next(8))
        {
            case 0:
                bytes[at] ^= (byte)(1 << prng.Next(8));
                break;
            case 1:
                bytes[at] = (byte)prng.Next(256);
                break;
            case 2:
            case 3:
                WriteEdge(bytes, at);
                break;
            case 4:
                bytes.RemoveRange(at, count);
                break;
            case 5:
                bytes.InsertRange(at, bytes.GetRange(at, count));
                break;
            case 6:
                bytes.InsertRange(at, prng.Bytes(count));
                break;
            default:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
        }
    }

    // A number of the protocol, 2, 4 or 8 bytes long, becomes one at the edge of something.
    private void WriteEdge(List<byte> bytes, int at)
    {
        Span<byte> number = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(number, prng.Pick(Edges));
        var size = Math.Min(2 << prng.Next(3), bytes.Count - at);
        for (var i = 0; i < size; i++)
            bytes[at + i] = number[8 - size + i];
    }
}
