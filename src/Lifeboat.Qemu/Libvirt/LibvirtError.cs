// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace Lifeboat.Qemu.Libvirt;

/// <summary>What libvirt said of the last call on this thread.</summary>
/// <param name="Code">`virErrorNumber` of virterror.h.</param>
internal readonly record struct LibvirtError(int Code, string Message)
{
    private const int OperationInvalid = 55;    // the domain does not run
    private const int NoDomain = 42;
    private const int AgentUnresponsive = 86;
    private const int AgentUnsynced = 97;
    private const int OperationTimeout = 68;
    private const int InvalidConnection = 6;
    private const int Rpc = 39;
    private const int SystemError = 38;
    private const int NoConnect = 5;
    private const int AuthFailed = 45;
    private const int AuthCancelled = 79;
    private const int AuthUnavailable = 94;
    private const int AccessDenied = 88;

    public static LibvirtError Last() => new(
        LibvirtNative.LastErrorCode(), Marshal.PtrToStringUTF8(LibvirtNative.LastErrorMessage()) ?? "");

    /// <summary>The connection is of no use any more.</summary>
    public bool EndsConnection => Code is InvalidConnection or Rpc or SystemError or NoConnect;

    // Only of a domain that libvirt itself says is not there, or does not run, may be told that its QEMU is gone.
    public QmpException AsException(LibvirtAddress address)
    {
        var fault = Code switch
        {
            NoDomain or OperationInvalid => QmpFault.Unreachable,
            AgentUnresponsive or AgentUnsynced or OperationTimeout => QmpFault.Timeout,
            _ when EndsConnection || Code is AuthFailed or AuthCancelled or AuthUnavailable or AccessDenied =>
                QmpFault.HostUnreachable,
            _ => QmpFault.Refused,
        };
        return new QmpException(fault, $"{address}: {Message}");
    }
}
