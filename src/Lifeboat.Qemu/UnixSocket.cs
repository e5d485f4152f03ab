// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Lifeboat.Qemu;

internal static partial class UnixSocket
{
    private const int SolSocket = 1;
    private const int SoPeercred = 17;
    private const int ScmRights = 1;
    private const int NoSignal = 0x4000;
    private const int Eagain = 11;
    private const int Eintr = 4;
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

    /// <summary>Sends the beginning of a message, and a descriptor with it (SCM_RIGHTS, unix(7)).</summary>
    /// <returns>Bytes sent; 0: there is no room now, and nothing went.</returns>
    /// <exception cref="QmpException">Closed.</exception>
    public static unsafe int Pass(Socket socket, ReadOnlySpan<byte> message, SafeHandle passed)
    {
        var held = false;
        passed.DangerousAddRef(ref held);
        try
        {
            fixed (byte* bytes = message)
            {
                var part = new IoVector { Base = bytes, Length = message.Length };
                var control = new PassedDescriptor
                {
                    Length = sizeof(PassedDescriptor) - sizeof(int), // without what pads it
                    Level = SolSocket,
                    Type = ScmRights,
                    Descriptor = (int)passed.DangerousGetHandle(),
                };
                var header = new MessageHeader
                {
                    Parts = &part,
                    PartCount = 1,
                    Control = &control,
                    ControlLength = sizeof(PassedDescriptor),
                };
                while (true)
                {
                    var sent = SendMessage((int)socket.Handle, &header, NoSignal);
                    if (sent >= 0) return (int)sent;
                    if (Marshal.GetLastPInvokeError() is var errno && errno == Eagain) return 0;
                    if (errno != Eintr)
                        throw new QmpException(QmpFault.Closed,
                            $"the connection ended while writing: {Marshal.GetLastPInvokeErrorMessage()}");
                }
            }
        }
        finally
        {
            if (held) passed.DangerousRelease();
        }
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

    // struct iovec, msghdr and cmsghdr of 64-bit Linux.
    private unsafe struct IoVector
    {
        public byte* Base;
        public nint Length;
    }

    private unsafe struct MessageHeader
    {
        public void* Name;
        public nint NameLength; // of which four bytes count
        public IoVector* Parts;
        public nint PartCount;
        public void* Control;
        public nint ControlLength;
        public nint Flags; // of which four bytes count
    }

    private struct PassedDescriptor
    {
        public nint Length;
        public int Level;
        public int Type;
        public int Descriptor;
#pragma warning disable CS0649 // pads it to CMSG_SPACE
        public int Padding;
#pragma warning restore CS0649
    }

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    private static unsafe partial nint SendMessage(int socket, MessageHeader* message, int flags);
}
