// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Globalization;
using Lifeboat.Journaling.Records;

namespace Lifeboat.Journaling.Segments;

/// <summary>
/// The first 4096 bytes of a segment file, so that rewriting it touches no block. Docs/formats/journal.md.
/// </summary>
internal readonly record struct SegmentHeader(long FirstSequence, ulong Salt)
{
    public const int Length = 4096;

    private const ulong Magic = 0x314745534A424C00; // "\0LBJSEG1"
    private const int Used = 64;
    private const int ChecksumAt = 60;

    public byte[] Encode()
    {
        var bytes = new byte[Length];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), 1);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), FirstSequence);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(24), Salt);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(ChecksumAt), Crc32C.Compute(bytes.AsSpan(0, ChecksumAt)));
        return bytes;
    }

    public static bool TryDecode(ReadOnlySpan<byte> bytes, out SegmentHeader header)
    {
        header = default;
        if (bytes.Length < Used || BinaryPrimitives.ReadUInt64LittleEndian(bytes) != Magic
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) != 1
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes[ChecksumAt..]) != Crc32C.Compute(bytes[..ChecksumAt]))
            return false;
        header = new SegmentHeader(
            BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]), BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]));
        return header.FirstSequence >= 1;
    }
}

/// <summary>
/// File names of a journal. The first sequence is in the name, so a listing is the table of contents.
/// </summary>
internal static class SegmentName
{
    private const string Prefix = "seg-";
    private const string Suffix = ".lbj";
    private const string FreePrefix = "free-";
    private const string AsidePrefix = "new-";

    public static string Of(long first) => $"{Prefix}{first:x16}{Suffix}";
    public static string IndexOf(long first) => $"{Prefix}{first:x16}.idx";
    public static string Free(long number) => $"{FreePrefix}{number:x16}{Suffix}";
    public static string Aside(long first) => $"{AsidePrefix}{first:x16}{Suffix}";

    public static bool TryParse(string name, out long first) => TryParse(name, Prefix, out first);
    public static bool TryParseFree(string name, out long number) => TryParse(name, FreePrefix, out number);
    public static bool IsAside(string name) => name.StartsWith(AsidePrefix, StringComparison.Ordinal);

    private static bool TryParse(string name, string prefix, out long number)
    {
        number = 0;
        return name.Length == prefix.Length + 16 + Suffix.Length
            && name.StartsWith(prefix, StringComparison.Ordinal) && name.EndsWith(Suffix, StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(prefix.Length, 16), NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture, out number);
    }
}
