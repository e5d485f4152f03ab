// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Lifeboat.Nbd;

/// <summary>
/// Two unix sockets that are connected to each other, one of which is to be another process's (socketpair(2), unix(7)).
/// Whoever writes to a unix socket is held up by its own send buffer, which only who has the socket can set: with the
/// 208 KiB that Linux gives by default, no 256 KiB write goes through in one piece.
/// </summary>
public sealed partial class SocketPair
{
    private const int Unix = 1, Stream = 1, CloseOnExec = 0x80000;
    private const int SolSocket = 1, SndBufForce = 32;

    private SocketPair(Socket ours, Socket theirs) => (Ours, Theirs) = (ours, theirs);

    public Socket Ours { get; }
    /// <summary>To be passed on, and closed here then.</summary>
    public Socket Theirs { get; }

    /// <param name="theirSendBytes">How much the other process may have written that we have not received. Where we may
    /// not (CAP_NET_ADMIN), as much as `net.core.wmem_max` allows.</param>
    /// <exception cref="NbdException">ConnectFailed: out of descriptors or memory.</exception>
    public static SocketPair Create(int theirSendBytes)
    {
        Span<int> ends = stackalloc int[2];
        if (NativeSocketPair(Unix, Stream | CloseOnExec, 0, ends) != 0)
            throw new NbdException(
                NbdFault.ConnectFailed, $"socketpair failed: {Marshal.GetLastPInvokeErrorMessage()}");
        var pair = new SocketPair(SocketOf(ends[0]), SocketOf(ends[1]));
        try
        {
            pair.Theirs.SetRawSocketOption(
                SolSocket, SndBufForce, MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in theirSendBytes)));
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.AccessDenied)
        {
            pair.Theirs.SendBufferSize = theirSendBytes;
        }
        return pair;
    }

    private static Socket SocketOf(int descriptor) => new(new SafeSocketHandle(descriptor, ownsHandle: true));

    [LibraryImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    private static partial int NativeSocketPair(int domain, int type, int protocol, Span<int> ends);
}
