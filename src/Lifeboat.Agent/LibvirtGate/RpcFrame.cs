// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Text;

namespace Lifeboat.Agent.LibvirtGate;

/// <summary>
/// One packet of libvirt's RPC (https://libvirt.org/kbase/internals/rpc.html): its length in four bytes, itself
/// included, six numbers, and the procedure's arguments in XDR (RFC 4506). All numbers are big endian.
/// </summary>
internal readonly struct RpcFrame(ReadOnlyMemory<byte> bytes)
{
    public const int LengthBytes = 4;
    public const int HeadBytes = LengthBytes + 6 * 4;
    /// <summary>As libvirt's own limit of a message.</summary>
    public const int BytesMax = 32 << 20;

    private const uint RemoteProgram = 0x20008086;
    private const int CallType = 0, ReplyType = 1, CallWithFilesType = 4, ReplyWithFilesType = 5;
    private const int UuidBytes = 16;

    public ReadOnlyMemory<byte> Bytes => bytes;
    public int Procedure => Number(12);
    public uint Serial => (uint)Number(20);
    public bool IsCall => IsRemote && Number(16) == CallType;
    public bool IsReply => IsRemote && Number(16) is ReplyType or ReplyWithFilesType;
    /// <summary>Descriptors come with it, beside the bytes.</summary>
    public bool HasFiles => Number(16) is CallWithFilesType or ReplyWithFilesType;

    private bool IsRemote => (uint)Number(4) == RemoteProgram;

    /// <summary>Name and uuid of the domain that a call begins with; none if it does not begin with one.</summary>
    public IReadOnlyList<string> Domain()
    {
        var arguments = bytes.Span[HeadBytes..];
        if (arguments.Length < 4) return [];
        var length = BinaryPrimitives.ReadInt32BigEndian(arguments);
        var padded = (length + 3L) / 4 * 4;
        if (length <= 0 || 4 + padded + UuidBytes > arguments.Length) return [];
        var uuid = new Guid(arguments.Slice((int)(4 + padded), UuidBytes), bigEndian: true);
        return [Encoding.UTF8.GetString(arguments.Slice(4, length)), uuid.ToString()];
    }

    private int Number(int at) => BinaryPrimitives.ReadInt32BigEndian(bytes.Span[at..]);
}
