// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace Lifeboat.Benchmarks.Nbd;

/// <summary>
/// One connection with a fixed number of requests in flight, on a blocking socket and one thread, one send per request
/// as real clients do. Asks for simple replies, so that reads cost the same with every server.
/// </summary>
internal sealed class LoadClient : IDisposable
{
    private const int HeaderBytes = 28;
    private const int ReplyBytes = 16;

    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Workload _workload;
    private readonly long _blocks;
    private readonly byte[] _request;
    private readonly byte[] _in = new byte[1024 * 1024];
    private readonly long[] _sentAt;
    private readonly Histogram _latency = new();
    private ulong _random = 88172645463325252;
    private long _next;
    private int _head, _tail;

    public LoadClient(string socket, Workload workload, long size)
    {
        (_workload, _blocks) = (workload, size / workload.Block);
        _sentAt = new long[workload.Depth];
        _request = new byte[HeaderBytes + (workload.Write ? workload.Block : 0)];
        Array.Fill(_request, (byte)0x5a);
        _socket.Connect(new UnixDomainSocketEndPoint(socket));
        _socket.ReceiveTimeout = 30_000;
        Handshake();
    }

    /// <summary>Runs for this long; returns requests per second and their median time in microseconds.</summary>
    public (long Ops, double Seconds, double P50) Run(TimeSpan length)
    {
        _latency.Clear();
        long done = 0;
        var start = Stopwatch.GetTimestamp();
        var end = start + (long)(length.TotalSeconds * Stopwatch.Frequency);
        for (var slot = 0; slot < _workload.Depth; slot++)
            Send(slot, start);
        for (var flying = _workload.Depth; flying > 0;)
        {
            Receive();
            var now = Stopwatch.GetTimestamp();
            while (TryTake(out var slot))
            {
                _latency.Add(now - _sentAt[slot]);
                done++;
                if (now < end)
                    Send(slot, now);
                else
                    flying--;
            }
        }
        return (done, Stopwatch.GetElapsedTime(start).TotalSeconds, _latency.MedianMicroseconds());
    }

    /// <summary>One request at a time, so many of them; returns their median time in microseconds.</summary>
    public double RunSome(int requests)
    {
        _latency.Clear();
        for (var i = 0; i < requests; i++)
        {
            var began = Stopwatch.GetTimestamp();
            Send(0, began);
            do Receive();
            while (!TryTake(out _));
            _latency.Add(Stopwatch.GetTimestamp() - began);
        }
        return _latency.MedianMicroseconds();
    }

    public void Dispose() => _socket.Dispose();

    private void Handshake()
    {
        Span<byte> greeting = stackalloc byte[18];
        ReceiveExactly(greeting);
        Span<byte> hello = stackalloc byte[4 + 16];
        BinaryPrimitives.WriteUInt32BigEndian(hello, 3);   // fixed newstyle, no zeroes
        Encoding.ASCII.GetBytes("IHAVEOPT", hello[4..]);
        BinaryPrimitives.WriteUInt32BigEndian(hello[12..], 1);   // EXPORT_NAME, the empty name
        hello[16..].Clear();
        _socket.Send(hello);
        ReceiveExactly(stackalloc byte[10]);
    }

    private void Send(int slot, long now)
    {
        var block = _workload.Sequential ? _next++ % _blocks : (long)(Random() % (ulong)_blocks);
        var header = _request.AsSpan();
        BinaryPrimitives.WriteUInt32BigEndian(header, 0x25609513);
        BinaryPrimitives.WriteUInt32BigEndian(header[4..], _workload.Write ? 1u : 0u);
        BinaryPrimitives.WriteInt64BigEndian(header[8..], slot);
        BinaryPrimitives.WriteInt64BigEndian(header[16..], block * _workload.Block);
        BinaryPrimitives.WriteInt32BigEndian(header[24..], _workload.Block);
        _sentAt[slot] = now;
        for (var at = 0; at < _request.Length;)
            at += _socket.Send(_request.AsSpan(at));
    }

    private bool TryTake(out int slot)
    {
        slot = 0;
        var need = ReplyBytes + (_workload.Write ? 0 : _workload.Block);
        if (_tail - _head < need)
            return false;
        var reply = _in.AsSpan(_head);
        var error = BinaryPrimitives.ReadUInt32BigEndian(reply[4..]);
        if (BinaryPrimitives.ReadUInt32BigEndian(reply) != 0x67446698 || error != 0)
            throw new InvalidDataException("the server answered with an error");
        slot = (int)BinaryPrimitives.ReadInt64BigEndian(reply[8..]);
        _head += need;
        return true;
    }

    private void Receive()
    {
        _in.AsSpan(_head, _tail - _head).CopyTo(_in);
        (_head, _tail) = (0, _tail - _head);
        var got = _socket.Receive(_in.AsSpan(_tail));
        _tail += got > 0 ? got : throw new EndOfStreamException("the server hung up");
    }

    private void ReceiveExactly(Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
            buffer = buffer[_socket.Receive(buffer)..];
    }

    private ulong Random()
    {
        _random ^= _random << 13;
        _random ^= _random >> 7;
        return _random ^= _random << 17;
    }
}
