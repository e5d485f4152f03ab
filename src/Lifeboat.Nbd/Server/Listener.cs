// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;

namespace Lifeboat.Nbd;

internal static class Listener
{
    private const int Backlog = 64;

    public static Socket Open(EndPoint endPoint, NbdServerOptions options)
    {
        if (endPoint is UnixDomainSocketEndPoint unix)
            return OpenUnix(unix, options);
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        return Started(socket, endPoint, () => { });
    }

    public static void Remove(EndPoint? endPoint)
    {
        if (endPoint is UnixDomainSocketEndPoint unix)
            File.Delete(unix.ToString());
    }

    private static Socket OpenUnix(UnixDomainSocketEndPoint endPoint, NbdServerOptions options)
    {
        var path = endPoint.ToString();
        if (File.Exists(path))
            RemoveStale(endPoint, path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        return Started(socket, endPoint, () => File.SetUnixFileMode(path, options.UnixSocketMode));
    }

    private static Socket Started(Socket socket, EndPoint endPoint, Action beforeListening)
    {
        try
        {
            socket.Bind(endPoint);
            beforeListening();
            socket.Listen(Backlog);
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new NbdException(NbdFault.ConnectFailed, $"cannot listen on {endPoint}: {e.Message}", e);
        }
    }

    // A process that was killed leaves its socket file; one that lives answers.
    private static void RemoveStale(UnixDomainSocketEndPoint endPoint, string path)
    {
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(endPoint);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            File.Delete(path);
            return;
        }
        throw new NbdException(NbdFault.ConnectFailed, $"cannot listen on {path}: somebody else does");
    }
}
