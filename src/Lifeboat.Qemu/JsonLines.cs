// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;

namespace Lifeboat.Qemu;

// Lines of JSON over a socket. A line is whole or it does not exist: what stands after the last newline when the peer
// closes is dropped. One reader and one writer at a time.
internal sealed class JsonLines(Socket socket, int lineBytesMax) : IMonitorLines
{
    private byte[] _buffer = new byte[16 << 10];
    private int _start;      // first byte not handed out yet
    private int _scanned;    // no newline before this
    private int _end;

    /// <summary>The next line without its end, valid until the next call; null when the peer closed.</summary>
    public async ValueTask<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken ct)
    {
        while (true)
        {
            var newline = _buffer.AsSpan(_scanned, _end - _scanned).IndexOf((byte)'\n');
            if (newline >= 0)
            {
                var line = _buffer.AsMemory(_start, _scanned + newline - _start);
                _start = _scanned = _scanned + newline + 1;
                return line;
            }
            _scanned = _end;
            MakeRoom();
            var received = await ReceiveAsync(ct);
            if (received == 0) return null;
            _end += received;
        }
    }

    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        try
        {
            while (!bytes.IsEmpty) bytes = bytes[await socket.SendAsync(bytes, ct)..];
        }
        catch (SocketException e)
        {
            throw new QmpException(QmpFault.Closed, $"the connection ended while writing: {e.Message}", e);
        }
    }

    private async ValueTask<int> ReceiveAsync(CancellationToken ct)
    {
        try
        {
            return await socket.ReceiveAsync(_buffer.AsMemory(_end), ct);
        }
        catch (SocketException)
        {
            return 0;   // a reset is an end like any other: replies still waited for fail as closed
        }
        catch (ObjectDisposedException)
        {
            return 0;
        }
    }

    private void MakeRoom()
    {
        if (_end < _buffer.Length) return;
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _scanned -= _start;
            _start = 0;
            return;
        }
        if (_buffer.Length >= lineBytesMax)
            throw new QmpException(QmpFault.Protocol, $"a line is longer than {lineBytesMax} bytes");
        Array.Resize(ref _buffer, (int)Math.Min((long)_buffer.Length * 2, lineBytesMax));
    }

    public void Dispose() => socket.Dispose();
}
