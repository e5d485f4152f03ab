// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Text;

namespace Lifeboat.Testing.Nbd;

/// <summary>
/// NBD messages written down a second time, from the protocol document and not from the library under test, so that
/// a wrong number in one of them shows.
/// </summary>
public static class NbdBytes
{
    public const int OptExportName = 1, OptAbort = 2, OptList = 3, OptStartTls = 5, OptInfo = 6, OptGo = 7;
    public const int OptStructuredReply = 8, OptListMetaContext = 9, OptSetMetaContext = 10;
    public const int CmdRead = 0, CmdWrite = 1, CmdDisc = 2, CmdFlush = 3, CmdTrim = 4, CmdCache = 5, CmdZero = 6;
    public const int CmdBlockStatus = 7;
    public const uint RepAck = 1, RepServer = 2, RepInfo = 3, RepMetaContext = 4;
    public const uint ErrUnsup = 0x80000001, ErrPolicy = 0x80000002, ErrInvalid = 0x80000003, ErrTlsReqd = 0x80000005;
    public const uint ErrUnknown = 0x80000006;

    public static byte[] ClientFlags(uint flags) => U32(flags);

    public static byte[] Option(int option, params byte[] data) =>
        [.. "IHAVEOPT"u8, .. U32((uint)option), .. U32((uint)data.Length), .. data];

    public static byte[] Name(string name) =>
        [.. U32((uint)Encoding.UTF8.GetByteCount(name)), .. Encoding.UTF8.GetBytes(name)];

    public static byte[] Go(string export, params ushort[] wanted) =>
        Option(OptGo, [.. Name(export), .. U16((ushort)wanted.Length), .. wanted.SelectMany(U16)]);

    public static byte[] MetaContext(int option, string export, params string[] queries) =>
        Option(option, [.. Name(export), .. U32((uint)queries.Length), .. queries.SelectMany(Name)]);

    public static byte[] Request(
        int command, ulong cookie, ulong offset, uint length, int flags = 0, byte[]? payload = null) =>
        [.. U32(0x25609513), .. U16((ushort)flags), .. U16((ushort)command), .. U64(cookie), .. U64(offset),
            .. U32(length), .. payload ?? []];

    public static byte[] Greeting(ushort flags) => [.. "NBDMAGIC"u8, .. "IHAVEOPT"u8, .. U16(flags)];

    public static byte[] OptionReply(int option, uint reply, params byte[] data) =>
        [.. U64(0x0003e889045565a9), .. U32((uint)option), .. U32(reply), .. U32((uint)data.Length), .. data];

    public static byte[] ExportInfo(ulong size, ushort flags) => [.. U16(0), .. U64(size), .. U16(flags)];

    public static byte[] SimpleReply(ulong cookie, uint error, params byte[] data) =>
        [.. U32(0x67446698), .. U32(error), .. U64(cookie), .. data];

    public static byte[] Chunk(ulong cookie, ushort type, bool done, params byte[] body) =>
        [.. U32(0x668e33ef), .. U16((ushort)(done ? 1 : 0)), .. U16(type), .. U64(cookie),
            .. U32((uint)body.Length), .. body];

    public static byte[] U16(ushort value)
    {
        var bytes = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, value);
        return bytes;
    }

    public static byte[] U32(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    public static byte[] U64(ulong value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes;
    }
}
