// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Lifeboat.Nbd;

/// <summary>
/// recv and send on a blocking socket without the runtime's bookkeeping: a tenth less CPU for one small request at a
/// time, a quarter more throughput for large ones. Safe with the bare descriptor because only the thread that uses
/// this object closes the socket; everybody else calls shutdown.
/// </summary>
internal sealed partial class SocketChannel(Socket socket) : Channel
{
    private const int WaitAll = 0x100;
    private const int NoSignal = 0x4000;
    private const int Eintr = 4;

    private readonly int _fd = (int)socket.Handle;

    public override int Receive(Span<byte> buffer) => Receive(buffer, 0);

    public override void ReceiveExactly(Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            var got = Receive(buffer, WaitAll);
            if (got == 0)
                throw NbdException.Lost("the peer ended the connection in the middle of a message");
            buffer = buffer[got..];
        }
    }

    public override unsafe void Send(ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            nint sent;
            fixed (byte* p = data)
                sent = NativeSend(_fd, p, data.Length, NoSignal);
            if (sent < 0)
            {
                if (Marshal.GetLastPInvokeError() != Eintr)
                    throw Failed("send");
                continue;
            }
            data = data[(int)sent..];
        }
    }

    private unsafe int Receive(Span<byte> buffer, int flags)
    {
        while (true)
        {
            nint got;
            fixed (byte* p = buffer)
                got = NativeReceive(_fd, p, buffer.Length, flags);
            if (got >= 0)
                return (int)got;
            if (Marshal.GetLastPInvokeError() != Eintr)
                throw Failed("receive");
        }
    }

    private static NbdException Failed(string what) =>
        NbdException.Lost($"{what} failed: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static unsafe partial nint NativeReceive(int fd, byte* buffer, nint length, int flags);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static unsafe partial nint NativeSend(int fd, byte* buffer, nint length, int flags);
}
