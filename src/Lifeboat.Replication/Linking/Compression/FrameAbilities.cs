// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Linking.Compression;

/// <summary>
/// Packings that a receiver can undo: bit n is compression n. Numbers are on the wire and never change; unknown bits
/// are of a later version and mean nothing to us.
/// </summary>
[Flags]
public enum FrameAbilities : ushort
{
    None = 0,
    Lz4 = 1 << FrameCompression.Lz4,
    Zstd = 1 << FrameCompression.Zstd,
    All = Lz4 | Zstd,
}

internal static class FrameAbilitiesExtensions
{
    public static bool Includes(this FrameAbilities abilities, FrameCompression compression) =>
        compression == FrameCompression.None || ((int)abilities >> (int)compression & 1) == 1;
}
