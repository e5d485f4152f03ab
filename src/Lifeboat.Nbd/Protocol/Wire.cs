// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

/// <summary>Numbers of the NBD protocol (doc/proto.md of the NetworkBlockDevice project). All big-endian.</summary>
internal static class Wire
{
    public const ulong ServerMagic = 0x4e42444d41474943;       // "NBDMAGIC"
    public const ulong OptionMagic = 0x49484156454F5054;       // "IHAVEOPT"
    public const ulong OldStyleMagic = 0x0000420281861253;
    public const ulong OptionReplyMagic = 0x0003e889045565a9;
    public const uint RequestMagic = 0x25609513;
    public const uint SimpleReplyMagic = 0x67446698;
    public const uint ChunkMagic = 0x668e33ef;

    public const int RequestBytes = 28;
    public const int SimpleReplyBytes = 16;
    public const int ChunkHeaderBytes = 20;
    public const int OptionHeaderBytes = 16;
    public const int OptionReplyHeaderBytes = 20;

    public const uint OptionErrorBit = 1u << 31;
    public const ushort ChunkErrorBit = 1 << 15;
    public const ushort ChunkDone = 1;
}

[Flags]
internal enum HandshakeFlags : uint
{
    None = 0,
    FixedNewstyle = 1,
    NoZeroes = 2,
    All = FixedNewstyle | NoZeroes,
}

internal enum OptionType : uint
{
    ExportName = 1,
    Abort = 2,
    List = 3,
    StartTls = 5,
    Info = 6,
    Go = 7,
    StructuredReply = 8,
    ListMetaContext = 9,
    SetMetaContext = 10,
}

internal enum OptionReply : uint
{
    Ack = 1,
    Server = 2,
    Info = 3,
    MetaContext = 4,
    ErrUnsupported = Wire.OptionErrorBit + 1,
    ErrPolicy = Wire.OptionErrorBit + 2,
    ErrInvalid = Wire.OptionErrorBit + 3,
    ErrPlatform = Wire.OptionErrorBit + 4,
    ErrTlsRequired = Wire.OptionErrorBit + 5,
    ErrUnknown = Wire.OptionErrorBit + 6,
    ErrShutdown = Wire.OptionErrorBit + 7,
    ErrBlockSizeRequired = Wire.OptionErrorBit + 8,
    ErrTooBig = Wire.OptionErrorBit + 9,
}

internal enum InfoType : ushort
{
    Export = 0,
    Name = 1,
    Description = 2,
    BlockSize = 3,
}

[Flags]
internal enum TransmissionFlags : ushort
{
    None = 0,
    HasFlags = 1 << 0,
    ReadOnly = 1 << 1,
    SendFlush = 1 << 2,
    SendFua = 1 << 3,
    SendTrim = 1 << 5,
    SendWriteZeroes = 1 << 6,
    SendDf = 1 << 7,
    CanMultiConn = 1 << 8,
    SendCache = 1 << 10,
    SendFastZero = 1 << 11,
}

internal enum Command : ushort
{
    Read = 0,
    Write = 1,
    Disconnect = 2,
    Flush = 3,
    Trim = 4,
    Cache = 5,
    WriteZeroes = 6,
    BlockStatus = 7,
}

[Flags]
internal enum CommandFlags : ushort
{
    None = 0,
    Fua = 1 << 0,
    NoHole = 1 << 1,
    DontFragment = 1 << 2,
    RequestOne = 1 << 3,
    FastZero = 1 << 4,
}

internal enum ChunkType : ushort
{
    None = 0,
    OffsetData = 1,
    OffsetHole = 2,
    BlockStatus = 5,
    Error = Wire.ChunkErrorBit + 1,
    ErrorOffset = Wire.ChunkErrorBit + 2,
}
