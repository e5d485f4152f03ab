// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

/// <summary>Why an NBD connection or request ended; retry is decided from this, never from the message.</summary>
public enum NbdFault
{
    /// <summary>Nobody listens there, or the socket could not be opened.</summary>
    ConnectFailed,

    /// <summary>The peer went away without saying so, or the socket failed.</summary>
    ConnectionLost,

    /// <summary>The peer sent something the protocol does not allow, or more than our limits.</summary>
    ProtocolViolation,

    /// <summary>The server refused an option: unknown export, policy, or TLS required.</summary>
    Rejected,

    /// <summary>The TLS handshake failed.</summary>
    TlsFailed,

    /// <summary>The handshake did not end in its time.</summary>
    TimedOut,

    /// <summary>The server answered the request with an error; see <see cref="NbdException.Error"/>.</summary>
    RequestFailed,

    /// <summary>The request does not fit the export; it was never sent.</summary>
    InvalidRequest,

    /// <summary>Our side closed it: disposal, cancellation of a request in flight, or CloseConnectionsAsync.</summary>
    Closed,

    /// <summary>The export threw, or refused to let the answers of a batch go.</summary>
    ExportFailed,

    /// <summary>The server has as many connections as it allows.</summary>
    TooManyConnections,
}
