// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;

namespace Lifeboat.Nbd;

/// <summary>Connects, runs a handshake within its time, and leaves no socket behind when either fails.</summary>
internal static class NbdDial
{
    public static async Task<T> RunAsync<T>(
        EndPoint endPoint,
        NbdClientOptions options,
        Func<Socket, ClientHandshake, CancellationToken, Task<T>> talk,
        bool keepOpen,
        CancellationToken ct)
    {
        var problems = options.Problems().ToList();
        if (problems.Count > 0)
            throw new ArgumentException(string.Join("; ", problems), nameof(options));

        // Stops when the caller cancels (ct) or the handshake outlives its budget. Only the second is an NbdException.
        using var budget = new CancellationTokenSource(options.HandshakeTimeout, options.Time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, budget.Token);
        var socket = SocketFor(endPoint);
        var done = false;
        try
        {
            await ConnectAsync(socket, endPoint, any.Token);
            var handshake = new ClientHandshake(new NetworkStream(socket, ownsSocket: false), options);
            var result = await talk(socket, handshake, any.Token);
            done = true;
            return result;
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new NbdException(NbdFault.TimedOut, $"no handshake with {endPoint} in {options.HandshakeTimeout}", e);
        }
        finally
        {
            if (!done || !keepOpen)
                socket.Dispose();
        }
    }

    private static Socket SocketFor(EndPoint endPoint)
    {
        if (endPoint is UnixDomainSocketEndPoint)
            return new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        TcpManners.Apply(socket);
        return socket;
    }

    private static async Task ConnectAsync(Socket socket, EndPoint endPoint, CancellationToken ct)
    {
        try
        {
            await socket.ConnectAsync(endPoint, ct);
        }
        catch (SocketException e)
        {
            throw new NbdException(NbdFault.ConnectFailed, $"cannot connect to {endPoint}: {e.Message}", e);
        }
    }
}
