// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;

namespace Lifeboat.Nbd;

/// <summary>One request as it came; nothing in it may be trusted before <see cref="RequestRules"/>.</summary>
internal readonly record struct Request(CommandFlags Flags, Command Command, ulong Cookie, ulong Offset, uint Length)
{
    public static Request Parse(ReadOnlySpan<byte> header)
    {
        if (BinaryPrimitives.ReadUInt32BigEndian(header) != Wire.RequestMagic)
            throw NbdException.Violation("bad request magic");
        return new Request(
            (CommandFlags)BinaryPrimitives.ReadUInt16BigEndian(header[4..]),
            (Command)BinaryPrimitives.ReadUInt16BigEndian(header[6..]),
            BinaryPrimitives.ReadUInt64BigEndian(header[8..]),
            BinaryPrimitives.ReadUInt64BigEndian(header[16..]),
            BinaryPrimitives.ReadUInt32BigEndian(header[24..]));
    }

    public bool Has(CommandFlags flag) => (Flags & flag) != 0;
}
