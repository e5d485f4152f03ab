// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Net.Security;
using System.Net.Sockets;
using Lifeboat.Replication.Linking;

namespace Lifeboat.Agent.Linking;

// Messages over TLS: four bytes of length (little endian), then the message. After a failed or cancelled send or
// receive the place in the stream is unknown, so the connection is of no more use and says so.
internal sealed class TlsConnection(SslStream stream, LinkStream wire, Socket socket, string peerSite, int version)
    : ITwoPartConnection
{
    private const int HeaderBytes = 4;
    private const int OneRecord = 16 << 10;
    private const int LongMessage = 64 << 10;
    private readonly byte[] _outgoing = new byte[OneRecord];
    private byte[] _incoming = new byte[256 << 10];
    private int _start;
    private int _end;
    private int _current;   // bytes of the message that was handed out last, still at _start
    private long _received;
    private bool _broken;
    private bool _disposed;

    public string PeerSite => peerSite;
    public int Version => version;
    public long ReceivedBytes => Volatile.Read(ref _received);

    public async ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken ct)
    {
        if (message.Length > ILinkConnection.MessageMax)
            throw new LinkException(LinkFault.Protocol, $"a message of {message.Length} bytes is too long to send");
        // A short message goes into one record with its length; a long one is not copied for the sake of that.
        var head = _outgoing.AsMemory(0, HeaderBytes);
        BinaryPrimitives.WriteInt32LittleEndian(head.Span, message.Length);
        var isShort = HeaderBytes + message.Length <= OneRecord;
        if (isShort) message.CopyTo(_outgoing.AsMemory(HeaderBytes));
        await DoAsync(async () =>
        {
            if (!isShort) wire.Gather();
            await stream.WriteAsync(isShort ? _outgoing.AsMemory(0, HeaderBytes + message.Length) : head, ct);
            if (isShort) return 0;
            await stream.WriteAsync(message, ct);
            await wire.FlushAsync(ct);
            return 0;
        });
    }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> head, ReadOnlyMemory<byte> body, CancellationToken ct)
    {
        var length = head.Length + body.Length;
        if (length > ILinkConnection.MessageMax)
            throw new LinkException(LinkFault.Protocol, $"a message of {length} bytes is too long to send");
        BinaryPrimitives.WriteInt32LittleEndian(_outgoing, length);
        head.CopyTo(_outgoing.AsMemory(HeaderBytes));
        await DoAsync(async () =>
        {
            wire.Gather();
            await stream.WriteAsync(_outgoing.AsMemory(0, HeaderBytes + head.Length), ct);
            await stream.WriteAsync(body, ct);
            await wire.FlushAsync(ct);
            return 0;
        });
    }

    public async ValueTask<ReadOnlyMemory<byte>?> ReceiveAsync(CancellationToken ct)
    {
        if (await AnnouncedAsync(ct) is not { } length) return null;
        return await WholeAsync(length, ct);
    }

    public async ValueTask<MessageParts?> ReceiveAsync(PlaceBody place, CancellationToken ct)
    {
        if (await AnnouncedAsync(ct) is not { } length) return null;
        const int headLength = MessageParts.HeadLength;
        if (length >= LongMessage && await FillAsync(HeaderBytes + headLength, ct))
        {
            // Encrypted they are more than plain: what is at hand is the whole message.
            var rest = length - headLength;
            var here = _end - _start - HeaderBytes - headLength;
            if (await DoAsync(() => ValueTask.FromResult(wire.AtHand)) >= rest - here
                && place(_incoming.AsSpan(_start + HeaderBytes, headLength), rest) is { IsEmpty: false } body)
            {
                await FillBodyAsync(body, Math.Min(here, rest), ct);
                return new MessageParts(_incoming.AsMemory(_start + HeaderBytes, headLength), body);
            }
        }
        return new MessageParts(await WholeAsync(length, ct), default);
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, true)) return;
        // A goodbye only when nothing is half sent; a peer that does not read must not keep us.
        if (!_broken && socket.Connected)
        {
            socket.SendTimeout = 1000;
            try
            {
                await stream.ShutdownAsync().WaitAsync(TimeSpan.FromSeconds(1), TimeProvider.System, default);
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or TimeoutException
                or InvalidOperationException)
            {
                // It is gone already.
            }
        }
        socket.Dispose();
        await stream.DisposeAsync();
    }

    private async ValueTask<int?> AnnouncedAsync(CancellationToken ct)
    {
        _start += _current;
        _current = 0;
        if (!await FillAsync(HeaderBytes, ct)) return null;
        var length = BinaryPrimitives.ReadInt32LittleEndian(_incoming.AsSpan(_start));
        if (length is >= 0 and <= ILinkConnection.MessageMax) return length;
        _broken = true;
        throw new LinkException(LinkFault.Protocol, $"{peerSite} announced a message of {length} bytes");
    }

    private async ValueTask<ReadOnlyMemory<byte>> WholeAsync(int length, CancellationToken ct)
    {
        if (!await FillAsync(HeaderBytes + length, ct)) throw CutShort();
        _start += HeaderBytes;
        _current = length;
        return _incoming.AsMemory(_start, length);
    }

    // The head stays where it is; behind it stands as much of the body as came with it.
    private async ValueTask FillBodyAsync(Memory<byte> body, int here, CancellationToken ct)
    {
        const int headEnd = HeaderBytes + MessageParts.HeadLength;
        _incoming.AsMemory(_start + headEnd, here).CopyTo(body);
        _current = headEnd + here;
        while (here < body.Length)
        {
            var rest = body[here..];
            var received = await DoAsync(() => stream.ReadAsync(rest, ct));
            if (received == 0)
            {
                _broken = true;
                throw CutShort();
            }
            here += received;
            Volatile.Write(ref _received, _received + received);
        }
    }

    private LinkException CutShort() => new(LinkFault.Broken, $"{peerSite} closed in the middle of a message");

    // False when the peer closed before the first byte.
    private async ValueTask<bool> FillAsync(int wanted, CancellationToken ct)
    {
        if (_end - _start < wanted) MakeRoom(wanted);
        while (_end - _start < wanted)
        {
            var received = await DoAsync(() => stream.ReadAsync(_incoming.AsMemory(_end), ct));
            if (received == 0)
            {
                _broken = true;
                return _end == _start ? false : throw CutShort();
            }
            _end += received;
            Volatile.Write(ref _received, _received + received);
        }
        return true;
    }

    private void MakeRoom(int wanted)
    {
        var left = _incoming.AsSpan(_start, _end - _start);
        var target = wanted > _incoming.Length ? new byte[Math.Max(wanted, _incoming.Length * 2)] : _incoming;
        left.CopyTo(target);
        (_incoming, _end, _start) = (target, left.Length, 0);
    }

    private async ValueTask<int> DoAsync(Func<ValueTask<int>> action)
    {
        if (_broken) throw new LinkException(LinkFault.Broken, $"the connection with {peerSite} has ended");
        try
        {
            return await action();
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            _broken = true;
            throw new LinkException(LinkFault.Broken, $"the connection with {peerSite} broke: {e.Message}", e);
        }
        catch (OperationCanceledException)
        {
            _broken = true;
            throw;
        }
    }
}
