// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Lifeboat.Replication.Replicas;

/// <summary>
/// The digest that both sides of a resync compare: SHA-256, first 16 bytes. Zeroes are known by heart.
/// </summary>
public static class BlockDigest
{
    public const int Length = 16;

    private static readonly ConcurrentDictionary<int, byte[]> Zeroes = new();

    public static void Compute(ReadOnlySpan<byte> block, Span<byte> digest)
    {
        if (block.IndexOfAnyExcept((byte)0) < 0)
        {
            OfZeroes(block.Length).CopyTo(digest);
            return;
        }
        Span<byte> whole = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(block, whole);
        whole[..Length].CopyTo(digest);
    }

    /// <summary>The digest of a block that is known to be all zeroes.</summary>
    public static ReadOnlySpan<byte> OfZeroes(int length) =>
        Zeroes.GetOrAdd(length, static length => SHA256.HashData(new byte[length])[..Length]);
}
