// SPDX-License-Identifier: Apache-2.0
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lifeboat.Journaling.Records;

/// <summary>CRC-32C (Castagnoli, RFC 3720 appendix B.4), eight bytes per instruction where the processor can.</summary>
public static class Crc32C
{
    public static uint Compute(ReadOnlySpan<byte> data) => ~Append(~0u, data);

    /// <summary>Runs the register on without the final inversion: start with ~0, invert the end.</summary>
    public static uint Append(uint register, ReadOnlySpan<byte> data)
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
}
