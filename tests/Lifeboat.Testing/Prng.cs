// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Numerics;

namespace Lifeboat.Testing;

/// <summary>
/// The one source of chance in tests: xoshiro256** seeded through SplitMix64 (Blackman and Vigna, public domain). The
/// same seed gives the same numbers on every machine and .NET version. Not thread-safe: one per scheduler.
/// </summary>
public sealed class Prng
{
    private ulong _a, _b, _c, _d;

    public Prng(ulong seed)
    {
        Seed = seed;
        _a = SplitMix(ref seed);
        _b = SplitMix(ref seed);
        _c = SplitMix(ref seed);
        _d = SplitMix(ref seed);
    }

    public ulong Seed { get; }

    public ulong NextUInt64()
    {
        var result = BitOperations.RotateLeft(_b * 5, 7) * 9;
        var t = _b << 17;
        _c ^= _a;
        _d ^= _b;
        _b ^= _c;
        _a ^= _d;
        _c ^= t;
        _d = BitOperations.RotateLeft(_d, 45);
        return result;
    }

    /// <summary>A number from 0 to <paramref name="limit"/> - 1.</summary>
    public long Next(long limit)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return (long)Math.BigMul(NextUInt64(), (ulong)limit, out _);
    }

    public int Next(int limit) => (int)Next((long)limit);

    /// <summary>A number from <paramref name="from"/> to <paramref name="limit"/> - 1.</summary>
    public int Next(int from, int limit) => from + Next(limit - from);

    public long Next(long from, long limit) => from + Next(limit - from);

    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1L << 53));

    /// <summary>True with this probability, 0 to 1.</summary>
    public bool Chance(double probability) => NextDouble() < probability;

    public T Pick<T>(IReadOnlyList<T> from) => from[Next(from.Count)];

    public void Fill(Span<byte> bytes)
    {
        for (; bytes.Length >= 8; bytes = bytes[8..]) BinaryPrimitives.WriteUInt64LittleEndian(bytes, NextUInt64());
        if (bytes.IsEmpty) return;
        var last = NextUInt64();
        for (var i = 0; i < bytes.Length; i++) bytes[i] = (byte)(last >> (8 * i));
    }

    public byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        Fill(bytes);
        return bytes;
    }

    public Guid NextGuid() => new(Bytes(16));

    /// <summary>An independent generator: what one part draws does not shift what another gets.</summary>
    public Prng Fork() => new(NextUInt64());

    private static ulong SplitMix(ref ulong state)
    {
        var z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
