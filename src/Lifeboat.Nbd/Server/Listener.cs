// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Lifeboat.Nbd;

internal static partial class Listener
{
    private const int AtCurrentDirectory = -100;
    private const int AtNoFollow = 0x100;
    private const uint StatxType = 1;
    private const int StatxBytes = 256;
    private const int StatxModeOffset = 28;

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
        // connect() answers "refused" for a plain file too; somebody's data must not be taken for a dead socket.
        if (!IsSocket(path))
            throw new NbdException(NbdFault.ConnectFailed, $"cannot listen on {path}: it exists and is not a socket");
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

    private static bool IsSocket(string path)
    {
        const int FormatMask = 0xf000, Socket = 0xc000;
        Span<byte> status = stackalloc byte[StatxBytes];
        return Statx(AtCurrentDirectory, path, AtNoFollow, StatxType, status) == 0
            && (BitConverter.ToUInt16(status[StatxModeOffset..]) & FormatMask) == Socket;
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int folder, string path, int flags, uint mask, Span<byte> status);
}
