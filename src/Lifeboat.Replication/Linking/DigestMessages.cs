// SPDX-License-Identifier: Apache-2.0
using System.Numerics;

namespace Lifeboat.Replication.Linking;

/// <summary>
/// Asks for digests (SHA-256, first 16 bytes) of blocks of a volume as the replica has it at a sequence.
/// </summary>
/// <param name="Offset">A multiple of the block length.</param>
/// <param name="BlockBytes">
/// A power of two, 512 bytes to 1 MiB, or since link version 3 a node of the tree: 64 MiB, whose digest is that of the
/// digests of its blocks of 1 MiB. The last block of a volume may be shorter.
/// </param>
public readonly record struct DigestRequest(
    uint Id, ushort Volume, long Sequence, long Offset, int BlockBytes, int Count)
{
    public const int DigestLength = 16;
    public const int WireBytes = MessageCodec.HeaderLength + PayloadBytes;
    private const int PayloadBytes = 4 + 2 + 8 + 8 + 4 + 4;
    public const int CountMax = 4096;
    public const long BytesMax = 64 << 20;
    /// <summary>What a node of the tree covers, a leaf of it, and the most that one request for nodes may.</summary>
    public const int NodeBytes = 64 << 20;
    public const int LeafBytes = 1 << 20;
    public const long NodesBytesMax = 256 << 20;

    public byte[] Encode()
    {
        var message = MessageCodec.New(PayloadBytes);
        var writer = new WireWriter(message.AsSpan(MessageCodec.HeaderLength));
        writer.Int32((int)Id);
        writer.UInt16(Volume);
        writer.Int64(Sequence);
        writer.Int64(Offset);
        writer.Int32(BlockBytes);
        writer.Int32(Count);
        MessageCodec.Seal(message, MessageKind.DigestRequest);
        return message;
    }

    /// <exception cref="LinkException">Protocol: a field is not what it can be.</exception>
    public static DigestRequest Decode(ReadOnlySpan<byte> payload)
    {
        var reader = new WireReader(payload);
        var request = new DigestRequest((uint)reader.Int32(), reader.UInt16(), reader.Count64(), reader.Count64(),
            reader.Int32(), reader.Int32());
        reader.End();
        var (_, _, _, offset, block, count) = request;
        var bytesMax = block == NodeBytes ? NodesBytesMax : BytesMax;
        if ((block is < 512 or > LeafBytes && block != NodeBytes) || !BitOperations.IsPow2(block)
            || count is < 1 or > CountMax || (long)block * count > bytesMax || offset % block != 0
            || offset > long.MaxValue - (long)block * count)
            throw MessageCodec.Fault($"a request for {count} digests of {block} bytes at {offset}");
        return request;
    }
}

/// <param name="Digests">16 bytes each, valid until the next message is received.</param>
public readonly record struct DigestReply(uint Id, ReadOnlyMemory<byte> Digests)
{
    public static int WireBytesOf(int count) =>
        MessageCodec.HeaderLength + 8 + count * DigestRequest.DigestLength;

    /// <summary>A message to be filled: the digests begin at the returned slice.</summary>
    public static byte[] New(uint id, int count, out Memory<byte> digests)
    {
        var message = MessageCodec.New(8 + count * DigestRequest.DigestLength);
        var writer = new WireWriter(message.AsSpan(MessageCodec.HeaderLength));
        writer.Int32((int)id);
        writer.Int32(count);
        digests = message.AsMemory(MessageCodec.HeaderLength + 8);
        return message;
    }

    /// <exception cref="LinkException">Protocol: a field is not what it can be.</exception>
    public static DigestReply Decode(ReadOnlyMemory<byte> payload)
    {
        var reader = new WireReader(payload.Span);
        var id = (uint)reader.Int32();
        var count = reader.Int32();
        if (count is < 1 or > DigestRequest.CountMax || reader.Left != count * DigestRequest.DigestLength)
            throw MessageCodec.Fault($"{count} digests");
        return new DigestReply(id, payload[8..]);
    }
}
