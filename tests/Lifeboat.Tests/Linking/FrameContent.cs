// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Lifeboat.Testing;

namespace Lifeboat.Tests.Linking;

/// <summary>Content of every kind of compressibility.</summary>
internal static class FrameContent
{
    public static byte[] Any(Prng prng, int length) => prng.Next(4) switch
    {
        0 => prng.Bytes(length),
        1 => Text(length),
        2 => new byte[length],
        _ => Patches(prng, length),
    };

    public static byte[] Text(int length)
    {
        var text = new StringBuilder();
        for (var i = 0; text.Length < length; i++) text.Append("key").Append(i * 7919 % 1000).Append("=value;");
        return Encoding.ASCII.GetBytes(text.ToString(0, length));
    }

    /// <summary>Noise with copies of itself at any distance and of any length.</summary>
    private static byte[] Patches(Prng prng, int length)
    {
        var bytes = prng.Bytes(length);
        for (var copies = prng.Next(1, 20); copies > 0; copies--)
        {
            var (from, to) = (prng.Next(length), prng.Next(length));
            var count = Math.Min(prng.Next(1, 1 + length), length - Math.Max(from, to));
            bytes.AsSpan(from, count).CopyTo(bytes.AsSpan(to));
        }
        return bytes;
    }
}
