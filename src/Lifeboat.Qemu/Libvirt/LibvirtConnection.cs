// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace Lifeboat.Qemu.Libvirt;

/// <summary>
/// A connection to a libvirt, one for each URI of this process: libvirt takes many calls at once over one. One that
/// broke is made anew by whoever needs it next.
/// </summary>
internal sealed class LibvirtConnection
{
    // Seconds and how often: a daemon that hangs is given up after about 15 s, and calls that wait for it fail.
    private const int KeepAliveSeconds = 5;
    private const uint KeepAliveMisses = 3;

    private static readonly Lock s_gate = new();
    private static readonly Dictionary<string, Task<LibvirtConnection>> s_byUri = new(StringComparer.Ordinal);
    private static readonly Lazy<bool> s_ready = new(Prepare);

    private readonly Lock _gate = new();
    private readonly List<Listening> _listening = [];

    private LibvirtConnection(nint handle) => Handle = handle;

    public nint Handle { get; }
    public bool IsAlive => LibvirtNative.IsAlive(Handle) == 1;

    /// <exception cref="QmpException">HostUnreachable.</exception>
    public static Task<LibvirtConnection> OfAsync(LibvirtAddress address, CancellationToken ct)
    {
        lock (s_gate)
        {
            if (!s_byUri.TryGetValue(address.Uri, out var opening) || opening.IsFaulted
                || (opening.IsCompletedSuccessfully && !opening.Result.IsAlive))
            {
                if (opening is { IsCompletedSuccessfully: true }) _ = LibvirtNative.Close(opening.Result.Handle);
                opening = Task.Factory.StartNew(() => Open(address), CancellationToken.None,
                    TaskCreationOptions.LongRunning, TaskScheduler.Default);
                s_byUri[address.Uri] = opening;
            }
            return opening.WaitAsync(ct);
        }
    }

    /// <summary>
    /// Hears the events of a domain's QEMU until disposed; of a connection that breaks none come any more.
    /// </summary>
    /// <param name="heard">Name and data (JSON, or null); called on the thread of the event loop.</param>
    public IDisposable Listen(string uuid, Action<string, string?> heard)
    {
        var listening = new Listening(this, uuid, heard);
        lock (_gate) _listening.Add(listening);
        return listening;
    }

    private static LibvirtConnection Open(LibvirtAddress address)
    {
        try
        {
            _ = s_ready.Value;
            var handle = LibvirtNative.Open(address.Uri);
            if (handle == 0)
                throw new QmpException(QmpFault.HostUnreachable, $"{address.Uri}: {LibvirtError.Last().Message}");
            _ = LibvirtNative.SetKeepAlive(handle, KeepAliveSeconds, KeepAliveMisses);
            var connection = new LibvirtConnection(handle);
            connection.Hear(address);
            return connection;
        }
        catch (DllNotFoundException e)
        {
            throw new QmpException(QmpFault.HostUnreachable,
                $"{address.Uri}: libvirt's client library is not installed here (Debian: apt-get install libvirt0)", e);
        }
    }

    // One registration for all domains: libvirt takes the same function for the same domain only once.
    private unsafe void Hear(LibvirtAddress address)
    {
        var data = GCHandle.Alloc(this);
        var number = LibvirtNative.RegisterMonitorEvents(
            Handle, 0, 0, &Heard, GCHandle.ToIntPtr(data), &Unheard, 0);
        if (number >= 0) return;
        var error = LibvirtError.Last();
        data.Free();
        _ = LibvirtNative.Close(Handle);
        throw new QmpException(QmpFault.HostUnreachable, $"{address.Uri}: {error.Message}");
    }

    private void Tell(string uuid, string name, string? data)
    {
        Listening[] listening;
        lock (_gate) listening = [.. _listening.Where(l => l.Uuid == uuid)];
        foreach (var one in listening) one.Heard(name, data);
    }

    private void Forget(Listening listening)
    {
        lock (_gate) _listening.Remove(listening);
    }

    [UnmanagedCallersOnly]
    private static void Heard(
        nint connection, nint domain, nint name, long seconds, uint micros, nint details, nint data) =>
        ((LibvirtConnection)GCHandle.FromIntPtr(data).Target!).Tell(LibvirtDomain.UuidOf(domain),
            Marshal.PtrToStringUTF8(name) ?? "", Marshal.PtrToStringUTF8(details));

    [UnmanagedCallersOnly]
    private static void Unheard(nint data) => GCHandle.FromIntPtr(data).Free();

    // Once in a process, before the first connection: events and keep-alives come by a loop that somebody has to run.
    private static unsafe bool Prepare()
    {
        if (LibvirtNative.Initialize() < 0 || LibvirtNative.RegisterEventLoop() < 0)
            throw new QmpException(QmpFault.HostUnreachable, $"libvirt's library: {LibvirtError.Last().Message}");
        LibvirtNative.SetErrorFunction(0, &Hush);
        new Thread(RunEvents) { IsBackground = true, Name = "libvirt events" }.Start();
        return true;
    }

    private static void RunEvents()
    {
        // It waits until something is to be done, and fails only where poll(2) does.
        while (LibvirtNative.RunEventLoop() >= 0)
        {
        }
    }

    // By itself the library writes every error to standard error, also those that are expected.
    [UnmanagedCallersOnly]
    private static void Hush(nint data, nint error)
    {
    }

    private sealed record Listening(LibvirtConnection Connection, string Uuid, Action<string, string?> Heard)
        : IDisposable
    {
        public void Dispose() => Connection.Forget(this);
    }
}
