// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Lifeboat.Testing.Field;

/// <summary>Two sockets and what runs between them.</summary>
internal sealed class ProxiedConnection(LinkProxy proxy, Socket near, IPEndPoint target, TimeProvider time)
{
    // What is on the line at once, besides the kernel's own buffers.
    private const int PiecesMax = 64;
    private const int SocketBuffer = 64 << 10;

    private readonly Socket _far = new(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _reset = new();

    public Task Ended { get; private set; } = Task.CompletedTask;

    public void Start(Action ended) => Ended = RunAsync(ended);

    /// <summary>Both sides find their connection reset.</summary>
    public void Reset() => _reset.Cancel();

    private async Task RunAsync(Action ended)
    {
        await Task.Yield();
        var ct = _reset.Token;
        try
        {
            foreach (var socket in (Socket[])[near, _far])
            {
                socket.NoDelay = true;
                socket.ReceiveBufferSize = socket.SendBufferSize = SocketBuffer;
                // Closing without a goodbye: what is under way is lost, as on a line that is cut.
                socket.LingerState = new LingerOption(true, 0);
            }
            await _far.ConnectAsync(target, ct);
            await Task.WhenAll(
                CarryAsync(near, _far, proxy.Forth, ct), CarryAsync(_far, near, proxy.Back, ct));
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Reset by us, or by one of the two: the other one is reset as well.
        }
        finally
        {
            near.Dispose();
            _far.Dispose();
            ended();
        }
    }

    private async Task CarryAsync(Socket from, Socket to, ProxyLane lane, CancellationToken ct)
    {
        var line = Channel.CreateBounded<Piece>(PiecesMax);
        // Either end of the line takes the other down with it.
        using var both = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var reading = StopOnFailureAsync(ReadAsync(from, line.Writer, lane, both.Token));
        var writing = StopOnFailureAsync(WriteAsync(line.Reader, to, lane, both.Token));
        await Task.WhenAll(reading, writing);

        async Task StopOnFailureAsync(Task part)
        {
            try
            {
                await part;
            }
            catch
            {
                _reset.Cancel();
                throw;
            }
        }
    }

    private async Task ReadAsync(Socket from, ChannelWriter<Piece> line, ProxyLane lane, CancellationToken ct)
    {
        while (true)
        {
            var bytes = new byte[lane.PieceMax];
            var length = await from.ReceiveAsync(bytes, ct);
            await line.WriteAsync(new Piece(bytes, length, time.GetTimestamp()), ct);
            if (length == 0) return;
        }
    }

    private static async Task WriteAsync(
        ChannelReader<Piece> line, Socket to, ProxyLane lane, CancellationToken ct)
    {
        while (true)
        {
            var piece = await line.ReadAsync(ct);
            await lane.PassAsync(piece.Length, piece.CameAt, ct);
            if (piece.Length == 0)
            {
                to.Shutdown(SocketShutdown.Send);
                return;
            }
            lane.Flip(piece.Bytes.AsSpan(0, piece.Length));
            for (var sent = 0; sent < piece.Length;)
                sent += await to.SendAsync(piece.Bytes.AsMemory(sent, piece.Length - sent), ct);
        }
    }

    private readonly record struct Piece(byte[] Bytes, int Length, long CameAt);
}
