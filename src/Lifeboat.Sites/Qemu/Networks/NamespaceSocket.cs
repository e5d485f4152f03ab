// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Lifeboat.Sites.Qemu.Networks;

/// <summary>
/// A TCP socket that lives in another network namespace. A socket belongs for good to the namespace of the thread that
/// made it, so a short-lived thread of its own enters the namespace and makes it; that thread is never used again.
/// </summary>
internal static partial class NamespaceSocket
{
    private const int CloneNewNet = 0x40000000;

    /// <summary>True when something accepts at the address within the limit.</summary>
    /// <param name="namespaceFile">E.g. `/run/netns/NAME` or `/proc/PID/ns/net`.</param>
    /// <exception cref="SiteException">Refused: the namespace cannot be entered.</exception>
    public static async Task<bool> AnswersAsync(string namespaceFile, IPEndPoint address, TimeSpan limit,
        TimeProvider time, CancellationToken ct)
    {
        using var socket = await CreateAsync(namespaceFile);
        using var late = new CancellationTokenSource(limit, time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, late.Token);
        try
        {
            await socket.ConnectAsync(address, any.Token);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return false;
        }
    }

    private static Task<Socket> CreateAsync(string namespaceFile)
    {
        var made = new TaskCompletionSource<Socket>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                Enter(namespaceFile);
                made.SetResult(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
            }
            catch (Exception e) when (e is SiteException or IOException or UnauthorizedAccessException
                or SocketException)
            {
                made.SetException(e as SiteException
                    ?? new SiteException(SiteFault.Refused, $"{namespaceFile} cannot be entered: {e.Message}", e));
            }
        })
        { IsBackground = true, Name = "namespace-socket" }.Start();
        return made.Task;
    }

    private static void Enter(string namespaceFile)
    {
        using SafeFileHandle handle = File.OpenHandle(namespaceFile);
        if (SetNamespace(handle, CloneNewNet) != 0)
            throw new SiteException(SiteFault.Refused, $"{namespaceFile} cannot be entered "
                + $"(error {Marshal.GetLastPInvokeError()}); the controller must run as root for its networks");
    }

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNamespace(SafeFileHandle handle, int kind);
}
