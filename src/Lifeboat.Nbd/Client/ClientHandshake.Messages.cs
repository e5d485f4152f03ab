// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Text;

namespace Lifeboat.Nbd;

internal sealed partial class ClientHandshake
{
    private readonly record struct Reply(OptionReply Type, byte[] Data)
    {
        public bool IsError => ((uint)Type & Wire.OptionErrorBit) != 0;
    }

    private async Task SendOptionAsync(OptionType option, byte[] data, CancellationToken ct)
    {
        var message = new byte[Wire.OptionHeaderBytes + data.Length];
        BinaryPrimitives.WriteUInt64BigEndian(message, Wire.OptionMagic);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(8), (uint)option);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(12), data.Length);
        data.CopyTo(message.AsSpan(Wire.OptionHeaderBytes));
        await SendAsync(message, ct);
    }

    private async Task<Reply> ReceiveReplyAsync(OptionType option, CancellationToken ct)
    {
        var header = new byte[Wire.OptionReplyHeaderBytes];
        await ReceiveAsync(header, ct);
        if (BinaryPrimitives.ReadUInt64BigEndian(header) != Wire.OptionReplyMagic)
            throw NbdException.Violation("bad option reply magic");
        if (BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(8)) != (uint)option)
            throw NbdException.Violation("a reply to an option that was not sent");
        var type = (OptionReply)BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(12));
        var length = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(16));
        if (length > NbdLimits.OptionBytesMax)
            throw NbdException.Violation($"an option reply of {length} bytes");
        var data = new byte[length];
        await ReceiveAsync(data, ct);
        return new Reply(type, data);
    }

    // An error becomes Rejected with the server's own words; anything else unexpected is a violation.
    private static void Accept(Reply reply, OptionReply expected)
    {
        if (reply.IsError)
        {
            var text = Encoding.UTF8.GetString(reply.Data.AsSpan(0, Math.Min(reply.Data.Length, 256)));
            throw new NbdException(NbdFault.Rejected, $"the server refused: {reply.Type} {text}".TrimEnd());
        }
        if (reply.Type != expected)
            throw NbdException.Violation($"option reply {(uint)reply.Type} where {expected} was due");
    }

    private byte[] GoRequest()
    {
        var name = Encoding.UTF8.GetBytes(options.Export);
        var data = new byte[4 + name.Length + 2 + 2];
        BinaryPrimitives.WriteInt32BigEndian(data, name.Length);
        name.CopyTo(data.AsSpan(4));
        BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(4 + name.Length), 1);
        BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(6 + name.Length), (ushort)InfoType.BlockSize);
        return data;
    }

    private byte[] MetaContextRequest()
    {
        using var data = new MemoryStream();
        Span<byte> number = stackalloc byte[4];
        void Number(Span<byte> scratch, int value)
        {
            BinaryPrimitives.WriteInt32BigEndian(scratch, value);
            data.Write(scratch);
        }
        void Text(Span<byte> scratch, string value)
        {
            var bytes = Encoding.UTF8.GetBytes(value);
            Number(scratch, bytes.Length);
            data.Write(bytes);
        }
        Text(number, options.Export);
        Number(number, options.MetaContexts.Count);
        foreach (var context in options.MetaContexts)
            Text(number, context);
        return data.ToArray();
    }

    private static NbdListedExport ParseListed(byte[] data)
    {
        var reader = new OptionReader(data);
        if (!reader.TryReadString(NbdLimits.NameBytesMax, out var name)
            || !reader.TryReadRest(NbdLimits.NameBytesMax, out var description))
            throw NbdException.Violation("lengths in a listed export do not add up");
        return new NbdListedExport(name, description);
    }

    private static MetaContext ParseMetaContext(byte[] data)
    {
        var reader = new OptionReader(data);
        if (!reader.TryReadUInt32(out var id) || !reader.TryReadRest(NbdLimits.NameBytesMax, out var name))
            throw NbdException.Violation("lengths in a meta context do not add up");
        return new MetaContext(id, name);
    }

    private async Task SendAsync(ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        try
        {
            await Stream.WriteAsync(data, ct);
        }
        catch (IOException e)
        {
            throw NbdException.Lost("send failed in the handshake", e);
        }
    }

    private async Task ReceiveAsync(Memory<byte> data, CancellationToken ct)
    {
        try
        {
            await Stream.ReadExactlyAsync(data, ct);
        }
        catch (IOException e)   // EndOfStreamException too
        {
            throw NbdException.Lost("the server ended the connection in the handshake", e);
        }
    }
}
