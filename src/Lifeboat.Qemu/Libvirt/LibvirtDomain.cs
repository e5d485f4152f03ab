// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace Lifeboat.Qemu.Libvirt;

/// <summary>A domain of a libvirt. All calls block, and fail as <see cref="QmpException"/>.</summary>
internal sealed class LibvirtDomain : SafeHandle
{
    private const int UuidBytes = 37; // VIR_UUID_STRING_BUFLEN

    private readonly LibvirtConnection _connection;
    private readonly LibvirtAddress _address;

    private LibvirtDomain(LibvirtConnection connection, LibvirtAddress address, nint domain) : base(0, ownsHandle: true)
    {
        _connection = connection;
        _address = address;
        SetHandle(domain);
        Uuid = UuidOf(domain);
    }

    public override bool IsInvalid => handle == 0;
    public string Uuid { get; }

    /// <exception cref="QmpException">Unreachable: there is no such domain; HostUnreachable.</exception>
    public static LibvirtDomain Find(LibvirtConnection connection, LibvirtAddress address)
    {
        var domain = Guid.TryParse(address.Domain, out _)
            ? LibvirtNative.DomainByUuid(connection.Handle, address.Domain)
            : LibvirtNative.DomainByName(connection.Handle, address.Domain);
        return domain != 0 ? new LibvirtDomain(connection, address, domain) : throw Failure(connection, address);
    }

    public bool IsActive => LibvirtNative.IsActive(handle) switch
    {
        1 => true,
        0 => false,
        _ => throw Failure(_connection, _address),
    };

    /// <summary>Starts it; one that runs is left alone.</summary>
    public void Start()
    {
        if (LibvirtNative.IsActive(handle) == 1) return;
        if (LibvirtNative.Create(handle) >= 0) return;
        var failure = Failure(_connection, _address);
        if (LibvirtNative.IsActive(handle) != 1) throw failure; // else somebody else came first
    }

    /// <summary>Asks QEMU; libvirt marks the domain as tainted (`custom-monitor`), which changes nothing
    /// else.</summary>
    /// <param name="passed">A descriptor that goes with it; null: none.</param>
    /// <returns>QEMU's answer, be it a return or an error.</returns>
    public string Monitor(string command, SafeHandle? passed = null)
    {
        if (passed is not null) return Pass(command, passed);
        if (LibvirtNative.MonitorCommand(handle, command, out var answer, 0) < 0) throw Failure(_connection, _address);
        return Take(answer);
    }

    private unsafe string Pass(string command, SafeHandle passed)
    {
        var held = false;
        try
        {
            passed.DangerousAddRef(ref held);
            var descriptor = (int)passed.DangerousGetHandle();
            return LibvirtNative.MonitorCommandWithFiles(handle, command, 1, &descriptor, null, null, out var answer, 0)
                >= 0 ? Take(answer) : throw Failure(_connection, _address);
        }
        catch (EntryPointNotFoundException e)
        {
            throw new QmpException(QmpFault.Refused, "this libvirt passes no descriptors; version 8.2 does", e);
        }
        catch (ObjectDisposedException e)
        {
            // Whoever asked has waited for an earlier call for too long, and is gone with it.
            throw new QmpException(QmpFault.Refused, "what was to be passed was closed meanwhile", e);
        }
        finally
        {
            if (held) passed.DangerousRelease();
        }
    }

    /// <summary>Asks the guest agent.</summary>
    /// <exception cref="QmpException">Timeout: it did not answer in time; Refused with its words.</exception>
    public string Agent(string command, TimeSpan limit)
    {
        var answer = LibvirtNative.AgentCommand(handle, command, (int)Math.Ceiling(limit.TotalSeconds), 0);
        return answer != 0 ? Take(answer) : throw Failure(_connection, _address);
    }

    /// <summary>Hears QEMU's events until disposed.</summary>
    /// <param name="heard">Name and data (JSON, or null); called on the thread of the event loop.</param>
    public IDisposable Listen(Action<string, string?> heard) => _connection.Listen(Uuid, heard);

    protected override bool ReleaseHandle() => LibvirtNative.FreeDomain(handle) == 0;

    // First of all the error: whatever else is asked on this thread takes its place.
    private static QmpException Failure(LibvirtConnection connection, LibvirtAddress address)
    {
        var error = LibvirtError.Last();
        return connection.IsAlive ? error.AsException(address)
            : new QmpException(QmpFault.HostUnreachable, $"{address}: {error.Message}");
    }

    internal static unsafe string UuidOf(nint domain)
    {
        var text = stackalloc byte[UuidBytes];
        return LibvirtNative.UuidOf(domain, text) == 0 ? Marshal.PtrToStringUTF8((nint)text) ?? "" : "";
    }

    private static string Take(nint text)
    {
        var read = Marshal.PtrToStringUTF8(text) ?? "";
        LibvirtNative.Free(text);
        return read;
    }
}
