// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Text;

namespace Lifeboat.Replication.Linking;

/// <summary>Fills a payload from front to back, little endian.</summary>
internal ref struct WireWriter(Span<byte> target)
{
    private Span<byte> _rest = target;

    public void Byte(byte value)
    {
        _rest[0] = value;
        _rest = _rest[1..];
    }

    public void UInt16(ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_rest, value);
        _rest = _rest[2..];
    }

    public void Int32(int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(_rest, value);
        _rest = _rest[4..];
    }

    public void Int64(long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_rest, value);
        _rest = _rest[8..];
    }

    public void Guid(Guid value)
    {
        value.TryWriteBytes(_rest, bigEndian: true, out _);
        _rest = _rest[16..];
    }

    public void Text(byte[] utf8)
    {
        UInt16(checked((ushort)utf8.Length));
        utf8.CopyTo(_rest);
        _rest = _rest[utf8.Length..];
    }

    public static byte[] Utf8(string text, int bytesMax)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        return utf8.Length <= bytesMax ? utf8 : Encoding.UTF8.GetBytes(text[..(bytesMax / 3)]);
    }
}
