// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing;

namespace Lifeboat.Tests.Replicas;

public sealed class DigestTreeTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 512)]
    [InlineData(1, 0)]
    [InlineData(1, 512)]
    [InlineData(2, 0)]
    [InlineData(3, 4096)]
    [InlineData(7, 0)]
    [InlineData(8, 77)]
    public void The_tree_is_that_of_RFC_6962(int whole, int rest)
    {
        var bytes = new Prng((ulong)(whole * 7 + rest)).Bytes(whole * DigestTree.ChunkBytes + rest);
        if (whole > 1) bytes.AsSpan(DigestTree.ChunkBytes, DigestTree.ChunkBytes).Clear();
        var chunks = bytes.Chunk(DigestTree.ChunkBytes).ToArray();
        var tree = new DigestTree();
        foreach (var chunk in chunks) tree.Add(chunk);
        Assert.Equal(Convert.ToHexStringLower(Hash(chunks)), tree.Finish());
    }

    // The definition, word for word: MTH(D[n]) splits at the largest power of two less than n.
    private static byte[] Hash(byte[][] leaves)
    {
        if (leaves.Length == 0) return SHA256.HashData([]);
        if (leaves.Length == 1) return SHA256.HashData([0, .. leaves[0]]);
        var split = 1;
        while (split * 2 < leaves.Length) split *= 2;
        return SHA256.HashData([1, .. Hash(leaves[..split]), .. Hash(leaves[split..])]);
    }
}
