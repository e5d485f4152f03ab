// SPDX-License-Identifier: Apache-2.0
using System.Numerics;

namespace Lifeboat.Nbd;

/// <summary>
/// Receives requests. While they are short, one receive brings as many as wait in the socket; after a long write, the
/// next header is received alone and its payload straight to where it is used, so that large payloads never move.
/// A payload that comes so begins at a cache line, see <see cref="LinedBuffer"/>.
/// </summary>
internal sealed class RequestBuffer(Channel channel, int payloadMax)
{
    private const int InitialBytes = 256 * 1024;
    private const int LongBytes = 32 * 1024;
    private const int PlacedBytes = 128 * 1024;

    private byte[] _buffer = [];
    private int _origin;   // where a request stands alone
    private int _head;
    private int _tail;
    private bool _lastWasLong;

    /// <summary>The next complete request, valid until the next <see cref="Fill"/>.</summary>
    public bool TryTake(out Request request, out ReadOnlySpan<byte> payload)
    {
        payload = default;
        request = default;
        if (_tail - _head < Wire.RequestBytes)
            return false;
        request = Request.Parse(_buffer.AsSpan(_head));
        var length = PayloadBytes(request);
        if (_tail - _head < Wire.RequestBytes + length)
            return false;
        payload = _buffer.AsSpan(_head + Wire.RequestBytes, length);
        _head += Wire.RequestBytes + length;
        _lastWasLong = length >= LongBytes;
        return true;
    }

    /// <summary>
    /// A write so long that its data had better be received where it is to stay, once its head is here and most of its
    /// data is not: <paramref name="begun"/> is what came already. Receive the rest with <see cref="ReceiveRest"/>.
    /// </summary>
    public bool TryTakeLong(out Request request, out ReadOnlySpan<byte> begun)
    {
        request = default;
        begun = default;
        var have = _tail - _head - Wire.RequestBytes;
        if (have < 0)
            return false;
        request = Request.Parse(_buffer.AsSpan(_head));
        if (PayloadBytes(request) is var length && (length < PlacedBytes || length - have < LongBytes))
            return false;
        begun = _buffer.AsSpan(_head + Wire.RequestBytes, have);
        _head = _tail = _origin;
        _lastWasLong = true;
        return true;
    }

    public void ReceiveRest(Span<byte> buffer) => channel.ReceiveExactly(buffer);

    /// <summary>Receives more; false when the client ended its side between two requests.</summary>
    public bool Fill()
    {
        var have = _tail - _head;
        if (have == 0)
            _head = _tail = _origin;
        if (have < Wire.RequestBytes)
            return FillHeader(have);

        // Part of a write: what is missing of a long one comes in one piece and nothing after it.
        var need = Wire.RequestBytes + PayloadBytes(Request.Parse(_buffer.AsSpan(_head)));
        MakeRoom(have, need);
        if (need - have >= LongBytes)
        {
            channel.ReceiveExactly(_buffer.AsSpan(_tail, need - have));
            _tail += need - have;
            return true;
        }
        return ReceiveSome(_buffer.Length - _tail, midRequest: true);
    }

    private bool FillHeader(int have)
    {
        MakeRoom(have, Wire.RequestBytes);
        var room = Math.Min(_buffer.Length - _tail, InitialBytes);
        return ReceiveSome(_lastWasLong ? Wire.RequestBytes - have : room, midRequest: have > 0);
    }

    private bool ReceiveSome(int atMost, bool midRequest)
    {
        var got = channel.Receive(_buffer.AsSpan(_tail, atMost));
        if (got == 0 && midRequest)
            throw NbdException.Lost("the client ended the connection in the middle of a request");
        _tail += got;
        return got > 0;
    }

    private int PayloadBytes(in Request request)
    {
        if (request.Command != Command.Write)
            return 0;
        if (request.Length > payloadMax)
            throw NbdException.Violation($"a write of {request.Length} bytes");
        return (int)request.Length;
    }

    private void MakeRoom(int have, int need)
    {
        // Little is cheap to move and leaves the whole buffer to receive into; much only moves when it must.
        if (_head + need <= _buffer.Length && (_head == _origin || have >= LongBytes))
            return;
        var begun = _buffer.AsSpan(_head, have);
        if (LinedBuffer.LineBytes + need > _buffer.Length)
            _buffer = LinedBuffer.Make(Rounded(need), Wire.RequestBytes, out _origin);
        begun.CopyTo(_buffer.AsSpan(_origin));
        (_head, _tail) = (_origin, _origin + have);
    }

    private int Rounded(int need) => (int)Math.Max(InitialBytes,
        Math.Min(BitOperations.RoundUpToPowerOf2((uint)need), (uint)payloadMax + Wire.RequestBytes));
}
