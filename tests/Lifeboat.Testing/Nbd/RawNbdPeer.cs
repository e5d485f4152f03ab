// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Lifeboat.Testing.Nbd;

/// <summary>A client that says exactly what a test tells it to, right or wrong. Gives up after ten seconds.</summary>
public sealed class RawNbdPeer : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
    {
        ReceiveTimeout = 10_000,
        SendTimeout = 10_000,
    };

    public RawNbdPeer(EndPoint endPoint)
    {
        _socket.Connect(endPoint);
        Greeting = Receive(18);
    }

    public byte[] Greeting { get; }

    /// <summary>Through the option phase, without structured replies, to the request phase.</summary>
    public static RawNbdPeer InTransmission(EndPoint endPoint, string export)
    {
        var peer = new RawNbdPeer(endPoint);
        peer.Send(NbdBytes.ClientFlags(3), NbdBytes.Go(export));
        while (peer.ReceiveOptionReply() is var (reply, _) && reply != NbdBytes.RepAck)
            if (reply > 0x80000000)
                throw new InvalidOperationException($"GO was refused with {reply:x}");
        return peer;
    }

    public void Send(params IEnumerable<byte[]> messages)
    {
        foreach (var message in messages)
            _socket.Send(message);
    }

    public byte[] Receive(int count)
    {
        var data = new byte[count];
        for (var at = 0; at < count;)
        {
            var got = _socket.Receive(data.AsSpan(at));
            if (got == 0)
                throw new EndOfStreamException($"the server closed after {at} of {count} bytes");
            at += got;
        }
        return data;
    }

    public (uint Reply, byte[] Data) ReceiveOptionReply()
    {
        var header = Receive(20);
        var length = BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(16));
        return (BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(12)), Receive(length));
    }

    public (uint Error, ulong Cookie) ReceiveSimpleReply()
    {
        var reply = Receive(16);
        if (BinaryPrimitives.ReadUInt32BigEndian(reply) != 0x67446698)
            throw new InvalidDataException("not a simple reply");
        var error = BinaryPrimitives.ReadUInt32BigEndian(reply.AsSpan(4));
        return (error, BinaryPrimitives.ReadUInt64BigEndian(reply.AsSpan(8)));
    }

    /// <summary>Nothing more will be sent; the server may still answer.</summary>
    public void EndSending() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>Reads until the server closes; how many bytes came.</summary>
    public long Drain()
    {
        var buffer = new byte[256 * 1024];
        for (long total = 0; ;)
        {
            try
            {
                var got = _socket.Receive(buffer);
                if (got == 0)
                    return total;
                total += got;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
            {
                return total;
            }
        }
    }

    public void Dispose() => _socket.Dispose();
}
