// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Text;

namespace Lifeboat.Replication.Linking;

/// <summary>Takes a hostile payload apart from front to back, little endian. Too short: a protocol fault.</summary>
internal ref struct WireReader(ReadOnlySpan<byte> source)
{
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);
    private ReadOnlySpan<byte> _rest = source;

    public readonly int Left => _rest.Length;

    public byte Byte() => Take(1)[0];
    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));
    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));
    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Take(8));
    public Guid Guid() => new(Take(16), bigEndian: true);

    /// <summary>A number that is never negative: sequences, sizes, offsets, epochs.</summary>
    public long Count64()
    {
        var value = Int64();
        return value >= 0 ? value : throw MessageCodec.Fault($"{value} where no negative number can be");
    }

    public string Text(int bytesMax)
    {
        var length = UInt16();
        if (length > bytesMax) throw MessageCodec.Fault($"a text of {length} bytes");
        try
        {
            return Strict.GetString(Take(length));
        }
        catch (DecoderFallbackException)
        {
            throw MessageCodec.Fault("a text that is not UTF-8");
        }
    }

    public ReadOnlySpan<byte> Take(int length)
    {
        if (length < 0 || length > _rest.Length) throw MessageCodec.Fault("a message cut short");
        var taken = _rest[..length];
        _rest = _rest[length..];
        return taken;
    }

    public readonly void End()
    {
        if (!_rest.IsEmpty) throw MessageCodec.Fault($"{_rest.Length} bytes too many");
    }
}
