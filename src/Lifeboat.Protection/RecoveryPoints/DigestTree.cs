// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;

namespace Lifeboat.Protection.RecoveryPoints;

/// <summary>
/// The digest of a volume's content: the Merkle tree hash of RFC 6962, 2.1, with SHA-256 over chunks of 1 MiB in order
/// (the last may be short). Whoever has the same bytes gets the same digest, however they are stored.
/// </summary>
/// <remarks>Keeps 32 bytes for each level of the tree. Not for several threads.</remarks>
public sealed class DigestTree
{
    /// <summary>Bytes of a leaf.</summary>
    public const int ChunkBytes = 1 << 20;

    private const byte Leaf = 0, Node = 1;
    private static readonly byte[] ZeroChunk = LeafOf(new byte[ChunkBytes]);

    // The roots of complete subtrees, the largest first, with the number of leaves under each.
    private readonly List<(long Leaves, byte[] Hash)> _roots = [];

    /// <summary>Adds the next chunk; only the last may be short.</summary>
    public void Add(ReadOnlySpan<byte> chunk) =>
        AddLeaf(chunk.Length == ChunkBytes && !chunk.ContainsAnyExcept((byte)0) ? ZeroChunk : LeafOf(chunk));

    /// <summary>64 hex digits, lower case.</summary>
    public string Finish()
    {
        if (_roots.Count == 0) return Convert.ToHexStringLower(SHA256.HashData([]));
        var hash = _roots[^1].Hash;
        for (var i = _roots.Count - 2; i >= 0; i--) hash = NodeOf(_roots[i].Hash, hash);
        return Convert.ToHexStringLower(hash);
    }

    private void AddLeaf(byte[] hash)
    {
        var leaves = 1L;
        while (_roots is [.., { } last] && last.Leaves == leaves)
        {
            hash = NodeOf(last.Hash, hash);
            leaves *= 2;
            _roots.RemoveAt(_roots.Count - 1);
        }
        _roots.Add((leaves, hash));
    }

    private static byte[] LeafOf(ReadOnlySpan<byte> chunk)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData([Leaf]);
        hash.AppendData(chunk);
        return hash.GetHashAndReset();
    }

    private static byte[] NodeOf(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) =>
        SHA256.HashData([Node, .. left, .. right]);
}
