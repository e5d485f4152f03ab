// SPDX-License-Identifier: Apache-2.0
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lifeboat.Journaling.Records;

// Where the processor multiplies polynomials 64 bytes at a time (VPCLMULQDQ), long data is folded: a block of 16 bytes
// is the same, modulo the polynomial, as two products of its halves some distance further on, where they are xored onto
// the block that stands there. What is left in the end is 64 bytes that have the checksum of all.
// The product of two reflected numbers is short of one power of x, so the factors are one power short too.
internal static class Crc32CFolding
{
    private const int FoldBytes = 256;

    private static readonly Vector512<ulong> OverFour = FactorsOver(FoldBytes);
    private static readonly Vector512<ulong> OverOne = FactorsOver(Vector512<byte>.Count);

    public static bool CanTake(int length) => Pclmulqdq.V512.IsSupported && length >= 2 * FoldBytes;

    /// <summary>Runs over as much as can be folded.</summary>
    /// <returns>Bytes that are left.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Append(ref uint register, ReadOnlySpan<byte> data)
    {
        ref var at = ref MemoryMarshal.GetReference(data);
        var (four, one) = (OverFour, OverOne);
        var a = LoadAt(ref at, 0) ^ Vector512.CreateScalar((ulong)register);
        var b = LoadAt(ref at, 64);
        var c = LoadAt(ref at, 128);
        var d = LoadAt(ref at, 192);
        for (nint i = FoldBytes; i <= data.Length - FoldBytes; i += FoldBytes)
        {
            a = Fold(a, four) ^ LoadAt(ref at, i);
            b = Fold(b, four) ^ LoadAt(ref at, i + 64);
            c = Fold(c, four) ^ LoadAt(ref at, i + 128);
            d = Fold(d, four) ^ LoadAt(ref at, i + 192);
        }
        b ^= Fold(a, one);
        c ^= Fold(b, one);
        d ^= Fold(c, one);
        Span<byte> left = stackalloc byte[Vector512<byte>.Count];
        d.AsByte().CopyTo(left);
        register = Crc32C.AppendSerially(0, left);
        return data.Length % FoldBytes;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Fold(Vector512<ulong> block, Vector512<ulong> factors) =>
        Pclmulqdq.V512.CarrylessMultiply(block, factors, 0x00)
        ^ Pclmulqdq.V512.CarrylessMultiply(block, factors, 0x11);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> LoadAt(ref byte start, nint offset) =>
        Unsafe.ReadUnaligned<Vector512<ulong>>(ref Unsafe.Add(ref start, offset));

    // For the first and the second half of each block, which is 64 bits nearer.
    private static Vector512<ulong> FactorsOver(int bytes)
    {
        var first = (ulong)Crc32C.PowerOfX(8L * bytes + 64 - 1) << 32;
        var second = (ulong)Crc32C.PowerOfX(8L * bytes - 1) << 32;
        return Vector512.Create(first, second, first, second, first, second, first, second);
    }
}
