// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Demo;

/// <summary>Counts the 4 KiB blocks in which two raw images differ: what really changed, whoever moved it.</summary>
internal static class BlockCompare
{
    private const int Block = 4096;

    public static async Task<long> DifferingBytesAsync(string one, string other, CancellationToken ct)
    {
        await using var a = File.OpenRead(one);
        await using var b = File.OpenRead(other);
        var (left, right) = (new byte[1 << 20], new byte[1 << 20]);
        long differing = 0;
        while (true)
        {
            var n = await a.ReadAtLeastAsync(left, left.Length, throwOnEndOfStream: false, ct);
            var m = await b.ReadAtLeastAsync(right, right.Length, throwOnEndOfStream: false, ct);
            if (n != m) throw new InvalidDataException($"{one} and {other} are not of one size");
            if (n == 0) return differing;
            for (var at = 0; at < n; at += Block)
            {
                var length = Math.Min(Block, n - at);
                if (!left.AsSpan(at, length).SequenceEqual(right.AsSpan(at, length))) differing += length;
            }
        }
    }
}
