// SPDX-License-Identifier: Apache-2.0
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lifeboat.Journaling.Records;

/// <summary>
/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), eight bytes per instruction where the processor can. The instruction
/// answers after three cycles but can be given another every cycle, so long data runs in three lanes side by side, or
/// is folded where the processor can do that.
/// </summary>
public static class Crc32C
{
    // Three lanes just fit into the 4 KiB of the commonest write.
    private const int LaneBytes = 1344;
    private const uint Polynomial = 0x82F63B78; // reflected
    private static readonly uint[] OverOneLane = ShiftTable(LaneBytes);
    private static readonly uint[] PowersOfTwo = Squares();

    public static uint Compute(ReadOnlySpan<byte> data) => ~Append(~0u, data);

    /// <summary>Runs the register on without the final inversion: start with ~0, invert the end.</summary>
    public static uint Append(uint register, ReadOnlySpan<byte> data)
    {
        if (Crc32CFolding.CanTake(data.Length)) data = data[^Crc32CFolding.Append(ref register, data)..];
        return AppendInLanes(register, data);
    }

    internal static uint AppendInLanes(uint register, ReadOnlySpan<byte> data)
    {
        while (data.Length >= 3 * LaneBytes)
        {
            register = AppendLanes(register, data);
            data = data[(3 * LaneBytes)..];
        }
        return AppendSerially(register, data);
    }

    /// <summary>
    /// The register behind two parts from that behind the first and that of the second alone, begun with 0: so the
    /// second can be run over before the first is known.
    /// </summary>
    public static uint Join(uint first, uint second, long secondLength) =>
        Multiply(PowerOfX(secondLength * 8), first) ^ second;

    internal static uint PowerOfX(long exponent)
    {
        var result = 1u << 31; // x to the power of 0
        for (int power = 0; exponent >> power != 0; power++)
            if ((exponent >> power & 1) != 0) result = Multiply(result, PowersOfTwo[power]);
        return result;
    }

    internal static uint AppendSerially(uint register, ReadOnlySpan<byte> data)
    {
        ref var at = ref MemoryMarshal.GetReference(data);
        var length = data.Length;
        var i = 0;
        for (; i <= length - sizeof(ulong); i += sizeof(ulong))
            register = BitOperations.Crc32C(register, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref at, i)));
        for (; i < length; i++)
            register = BitOperations.Crc32C(register, Unsafe.Add(ref at, i));
        return register;
    }

    // The register is linear over xor: what a lane adds when it starts from zero is xored onto what the lanes before it
    // left, once that has been run over as many zeroes as the lane is long.
    // Compiled for good at the first call: a process that has just started has the most to catch up with.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static uint AppendLanes(uint first, ReadOnlySpan<byte> data)
    {
        ref var at = ref MemoryMarshal.GetReference(data[..(3 * LaneBytes)]);
        uint second = 0, third = 0;
        for (nint i = 0; i < LaneBytes; i += sizeof(ulong))
        {
            first = BitOperations.Crc32C(first, WordAt(ref at, i));
            second = BitOperations.Crc32C(second, WordAt(ref at, i + LaneBytes));
            third = BitOperations.Crc32C(third, WordAt(ref at, i + 2 * LaneBytes));
        }
        return RunOverLane(RunOverLane(first) ^ second) ^ third;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong WordAt(ref byte start, nint offset) =>
        Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref start, offset));

    private static uint RunOverLane(uint register) =>
        OverOneLane[register & 0xff]
        ^ OverOneLane[256 + ((register >> 8) & 0xff)]
        ^ OverOneLane[512 + ((register >> 16) & 0xff)]
        ^ OverOneLane[768 + (register >> 24)];

    // For each of the four bytes of a register and each of its values: the register after that many zeroes.
    private static uint[] ShiftTable(int zeroes)
    {
        var nothing = new byte[zeroes];
        var table = new uint[4 * 256];
        for (var bit = 0; bit < 32; bit++)
        {
            var run = AppendSerially(1u << bit, nothing);
            for (var value = 0; value < 256; value++)
                if ((value >> (bit % 8) & 1) != 0) table[bit / 8 * 256 + value] ^= run;
        }
        return table;
    }

    // Of polynomials modulo ours; the highest bit stands for x to the power of 0.
    private static uint Multiply(uint a, uint b)
    {
        uint product = 0;
        for (var bit = 1u << 31; bit != 0; bit >>= 1)
        {
            if ((a & bit) != 0) product ^= b;
            b = (b & 1) != 0 ? b >> 1 ^ Polynomial : b >> 1;
        }
        return product;
    }

    // x to the powers of 1, 2, 4, 8 …
    private static uint[] Squares()
    {
        var squares = new uint[48];
        squares[0] = 1u << 30;
        for (var i = 1; i < squares.Length; i++) squares[i] = Multiply(squares[i - 1], squares[i - 1]);
        return squares;
    }
}
