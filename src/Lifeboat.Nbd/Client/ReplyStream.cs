// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;

namespace Lifeboat.Nbd;

/// <summary>Buffered reading of replies; large payloads go past the buffer to where they are wanted.</summary>
internal sealed class ReplyStream(Stream stream)
{
    private readonly byte[] _buffer = new byte[64 * 1024];
    private int _head;
    private int _tail;

    /// <summary>The next bytes without taking them; at most the buffer's size.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> PeekAsync(int count, CancellationToken ct)
    {
        while (_tail - _head < count)
        {
            if (_head + count > _buffer.Length || _head == _tail)
            {
                _buffer.AsSpan(_head, _tail - _head).CopyTo(_buffer);
                (_head, _tail) = (0, _tail - _head);
            }
            var got = await stream.ReadAsync(_buffer.AsMemory(_tail), ct);
            if (got == 0)
                throw NbdException.Lost("the server ended the connection");
            _tail += got;
        }
        return _buffer.AsMemory(_head, count);
    }

    public void Skip(int count) => _head += count;

    public async ValueTask ReadExactlyAsync(Memory<byte> destination, CancellationToken ct)
    {
        var buffered = Math.Min(_tail - _head, destination.Length);
        _buffer.AsMemory(_head, buffered).CopyTo(destination);
        _head += buffered;
        if (buffered < destination.Length)
            await stream.ReadExactlyAsync(destination[buffered..], ct);
    }

    public async ValueTask<uint> ReadUInt32Async(CancellationToken ct)
    {
        var value = BinaryPrimitives.ReadUInt32BigEndian((await PeekAsync(4, ct)).Span);
        Skip(4);
        return value;
    }

    public async ValueTask<ulong> ReadUInt64Async(CancellationToken ct)
    {
        var value = BinaryPrimitives.ReadUInt64BigEndian((await PeekAsync(8, ct)).Span);
        Skip(8);
        return value;
    }
}
