// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Lifeboat.Qemu;

internal static class UnixSocket
{
    private const int SolSocket = 1;
    private const int SoPeercred = 17;
    private static readonly TimeSpan RetryEvery = TimeSpan.FromMilliseconds(50);

    // QEMU listens with a backlog of one: while somebody else is connected and another waits, connect answers EAGAIN.
    // That is worth waiting for; a refused or missing socket is not.
    public static async Task<Socket> ConnectAsync(string path, TimeProvider time, CancellationToken ct)
    {
        while (true)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(EndPoint(path), ct);
                return socket;
            }
            catch (SocketException e) when (e.SocketErrorCode
                is SocketError.WouldBlock or SocketError.TryAgain or SocketError.NoBufferSpaceAvailable)
            {
                socket.Dispose();
                await Task.Delay(RetryEvery, time, ct);
            }
            catch (SocketException e)
            {
                socket.Dispose();
                throw new QmpException(QmpFault.Unreachable, $"{path}: {e.Message}", e);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
    }

    /// <summary>The process that listens at the other end; 0 when the kernel does not say.</summary>
    public static int PeerProcessId(Socket socket)
    {
        Span<int> credentials = stackalloc int[3];   // struct ucred: pid, uid, gid
        var length = socket.GetRawSocketOption(SolSocket, SoPeercred, MemoryMarshal.AsBytes(credentials));
        return length >= sizeof(int) ? credentials[0] : 0;
    }

    private static UnixDomainSocketEndPoint EndPoint(string path)
    {
        try
        {
            return new UnixDomainSocketEndPoint(path);
        }
        catch (ArgumentException e)
        {
            throw new QmpException(QmpFault.Unreachable, $"'{path}' cannot be a unix socket: {e.Message}", e);
        }
    }
}
