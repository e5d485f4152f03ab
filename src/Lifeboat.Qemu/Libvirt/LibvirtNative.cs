// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace Lifeboat.Qemu.Libvirt;

// The C API of libvirt (https://libvirt.org/html/index.html), whose ABI is stable since 2007. Errors are kept by
// thread: whoever calls asks for the error on the same thread, at once.
internal static partial class LibvirtNative
{
    private const string Library = "libvirt.so.0";
    private const string QemuLibrary = "libvirt-qemu.so.0";

    [LibraryImport(Library, EntryPoint = "virInitialize")]
    public static partial int Initialize();

    [LibraryImport(Library, EntryPoint = "virSetErrorFunc")]
    public static unsafe partial void SetErrorFunction(nint data, delegate* unmanaged<nint, nint, void> function);

    [LibraryImport(Library, EntryPoint = "virEventRegisterDefaultImpl")]
    public static partial int RegisterEventLoop();

    [LibraryImport(Library, EntryPoint = "virEventRunDefaultImpl")]
    public static partial int RunEventLoop();

    [LibraryImport(Library, EntryPoint = "virGetLastErrorCode")]
    public static partial int LastErrorCode();

    [LibraryImport(Library, EntryPoint = "virGetLastErrorMessage")]
    public static partial nint LastErrorMessage();

    [LibraryImport(Library, EntryPoint = "virConnectOpen", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint Open(string uri);

    [LibraryImport(Library, EntryPoint = "virConnectClose")]
    public static partial int Close(nint connection);

    [LibraryImport(Library, EntryPoint = "virConnectIsAlive")]
    public static partial int IsAlive(nint connection);

    [LibraryImport(Library, EntryPoint = "virConnectSetKeepAlive")]
    public static partial int SetKeepAlive(nint connection, int intervalSeconds, uint count);

    [LibraryImport(Library, EntryPoint = "virDomainLookupByName", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint DomainByName(nint connection, string name);

    [LibraryImport(Library, EntryPoint = "virDomainLookupByUUIDString", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint DomainByUuid(nint connection, string uuid);

    /// <param name="uuid">At least 37 bytes.</param>
    [LibraryImport(Library, EntryPoint = "virDomainGetUUIDString")]
    public static unsafe partial int UuidOf(nint domain, byte* uuid);

    [LibraryImport(Library, EntryPoint = "virDomainIsActive")]
    public static partial int IsActive(nint domain);

    [LibraryImport(Library, EntryPoint = "virDomainCreate")]
    public static partial int Create(nint domain);

    [LibraryImport(Library, EntryPoint = "virDomainFree")]
    public static partial int FreeDomain(nint domain);

    [LibraryImport(QemuLibrary, EntryPoint = "virDomainQemuMonitorCommand",
        StringMarshalling = StringMarshalling.Utf8)]
    public static partial int MonitorCommand(nint domain, string command, out nint answer, uint flags);

    // Since libvirt 8.2.
    [LibraryImport(QemuLibrary, EntryPoint = "virDomainQemuMonitorCommandWithFiles",
        StringMarshalling = StringMarshalling.Utf8)]
    public static unsafe partial int MonitorCommandWithFiles(nint domain, string command, uint passedCount, int* passed,
        uint* returnedCount, int** returned, out nint answer, uint flags);

    /// <returns>The answer, for the caller to free; 0: failed.</returns>
    [LibraryImport(QemuLibrary, EntryPoint = "virDomainQemuAgentCommand", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint AgentCommand(nint domain, string command, int timeoutSeconds, uint flags);

    /// <param name="domain">0: all.</param>
    /// <param name="name">0: all.</param>
    /// <returns>Negative: failed.</returns>
    [LibraryImport(QemuLibrary, EntryPoint = "virConnectDomainQemuMonitorEventRegister")]
    public static unsafe partial int RegisterMonitorEvents(nint connection, nint domain, nint name,
        delegate* unmanaged<nint, nint, nint, long, uint, nint, nint, void> happened, nint data,
        delegate* unmanaged<nint, void> free, uint flags);

    [LibraryImport("libc", EntryPoint = "free")]
    public static partial void Free(nint memory);
}
