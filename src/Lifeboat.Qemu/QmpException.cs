// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Qemu;

/// <summary>Why a monitor or guest agent conversation failed. Callers decide by it, never by message text.</summary>
public enum QmpFault
{
    /// <summary>Nobody listens at the socket, or it does not exist.</summary>
    Unreachable = 1,
    /// <summary>Connected, but no greeting came: a socket serves one client at a time, and another is on it.</summary>
    Busy = 2,
    /// <summary>No answer in time. Whether the command took effect is unknown.</summary>
    Timeout = 3,
    /// <summary>The command was answered with an error.</summary>
    Refused = 4,
    /// <summary>The connection ended.</summary>
    Closed = 5,
    /// <summary>What came is not the protocol, or a line is beyond the bound.</summary>
    Protocol = 6,
    /// <summary>Libvirt, which has the monitor, cannot be reached: nothing is known of its QEMU.</summary>
    HostUnreachable = 7,
}

/// <summary>The one exception of this library.</summary>
/// <param name="errorClass">QEMU's error class when <see cref="QmpFault.Refused"/>; else empty.</param>
public sealed class QmpException(QmpFault fault, string errorClass, string message, Exception? cause = null)
    : Exception(message, cause)
{
    public QmpException(QmpFault fault, string message, Exception? cause = null) : this(fault, "", message, cause) { }

    public QmpFault Fault => fault;
    public string ErrorClass => errorClass;
}
