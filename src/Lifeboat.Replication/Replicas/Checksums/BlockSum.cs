// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;

namespace Lifeboat.Replication.Replicas.Checksums;

/// <summary>
/// The checksum of one 4 KiB block of a base image: CRC-32C, exclusive-or the one of zeroes, so that a block of zeroes
/// has 0 and a table of zeroes is right for an image of zeroes. A short last block counts as filled up with zeroes.
/// </summary>
internal static class BlockSum
{
    public const int BlockBytes = 4096;

    private static readonly byte[] Zeroes = new byte[BlockBytes];
    private static readonly uint OfZeroes = Crc32C.Compute(Zeroes);

    public static uint Of(ReadOnlySpan<byte> block)
    {
        var register = Crc32C.Append(~0u, block);
        if (block.Length < BlockBytes) register = Crc32C.Append(register, Zeroes.AsSpan(block.Length));
        return ~register ^ OfZeroes;
    }

    /// <summary>What is noted for content that must not be believed: never its checksum.</summary>
    public static uint Poison(ReadOnlySpan<byte> block) => ~Of(block);
}
