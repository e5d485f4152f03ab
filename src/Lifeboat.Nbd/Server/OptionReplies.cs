// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Lifeboat.Nbd;

/// <summary>Gathers the replies to one option, so that they leave in one send.</summary>
internal sealed class OptionReplies
{
    private readonly ArrayBufferWriter<byte> _buffer = new(256);

    public void Add(OptionType option, OptionReply reply, ReadOnlySpan<byte> data)
    {
        var header = _buffer.GetSpan(Wire.OptionReplyHeaderBytes);
        BinaryPrimitives.WriteUInt64BigEndian(header, Wire.OptionReplyMagic);
        BinaryPrimitives.WriteUInt32BigEndian(header[8..], (uint)option);
        BinaryPrimitives.WriteUInt32BigEndian(header[12..], (uint)reply);
        BinaryPrimitives.WriteInt32BigEndian(header[16..], data.Length);
        _buffer.Advance(Wire.OptionReplyHeaderBytes);
        _buffer.Write(data);
    }

    public void AddText(OptionType option, OptionReply reply, string text) =>
        Add(option, reply, Encoding.UTF8.GetBytes(text));

    public void SendTo(Channel channel)
    {
        channel.Send(_buffer.WrittenSpan);
        _buffer.ResetWrittenCount();
    }
}
