// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Lifeboat.Agent.Linking;

internal static class LinkSocket
{
    // <linux/tcp.h>: milliseconds that sent data may stay unacknowledged before the connection is given up.
    private const int Tcp = 6, UserTimeout = 18, UserTimeoutMilliseconds = 10_000;

    // <asm-generic/socket.h>
    private const int SocketLevel = 1, BindDevice = 25;

    /// <exception cref="SocketException">There is no such device.</exception>
    public static void BindToDevice(Socket socket, string device) =>
        socket.SetRawSocketOption(SocketLevel, BindDevice, Encoding.ASCII.GetBytes(device + '\0'));

    // The protocol above has its own keepalive; this one makes a vanished host known also to a side that only reads,
    // and the time-out frees what is buffered for a host that takes nothing any more.
    public static void Tune(Socket socket)
    {
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 5);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 2);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 5);
        if (!OperatingSystem.IsLinux()) return;
        Span<byte> timeout = stackalloc byte[sizeof(int)];
        MemoryMarshal.Write(timeout, UserTimeoutMilliseconds);
        socket.SetRawSocketOption(Tcp, UserTimeout, timeout);
    }
}
