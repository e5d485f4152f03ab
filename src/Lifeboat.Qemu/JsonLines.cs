// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Lifeboat.Qemu;

// Lines of JSON over a socket. A line is whole or it does not exist: what stands after the last newline when the peer
// closes is dropped. One reader and one writer at a time.
internal sealed class JsonLines(Socket socket, int lineBytesMax) : IMonitorLines
{
    private const int SpareBytesMax = 2 << 20;

    private static byte[]? _spare; // a connection is short, and the next one asks the same

    private byte[] _buffer = TakeSpare(lineBytesMax) ?? new byte[16 << 10];
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

    public async ValueTask PassAsync(ReadOnlyMemory<byte> line, SafeHandle passed, CancellationToken ct)
    {
        int sent;
        while ((sent = UnixSocket.Pass(socket, line.Span, passed)) == 0) await Task.Delay(1, ct);
        await WriteAsync(line[sent..], ct);
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

    private static byte[]? TakeSpare(int lengthMax) =>
        Interlocked.Exchange(ref _spare, null) is { } spare && spare.Length <= lengthMax ? spare : null;

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

    /// <summary>Nobody reads any more, nor looks at a line: what it was read into is for the next connection.</summary>
    public void GiveBack()
    {
        var buffer = Interlocked.Exchange(ref _buffer, Array.Empty<byte>());
        if (buffer.Length is 0 or > SpareBytesMax) return;
        // Of two connections at once the longer one is kept.
        if (Volatile.Read(ref _spare) is not { } other || other.Length < buffer.Length)
            Volatile.Write(ref _spare, buffer);
    }
}
