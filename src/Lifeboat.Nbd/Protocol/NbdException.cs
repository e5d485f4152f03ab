// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

/// <summary>The one exception of this library.</summary>
public sealed class NbdException(NbdFault fault, string message, Exception? cause = null)
    : Exception(message, cause)
{
    public NbdFault Fault => fault;

    /// <summary>The server's answer when <see cref="Fault"/> is RequestFailed, else None.</summary>
    public NbdError Error { get; init; }

    internal static NbdException Violation(string message) => new(NbdFault.ProtocolViolation, message);

    internal static NbdException Lost(string message, Exception? cause = null) =>
        new(NbdFault.ConnectionLost, message, cause);
}
