// SPDX-License-Identifier: Apache-2.0
using System.Net.Security;

namespace Lifeboat.Nbd;

public enum NbdTlsMode
{
    Off,

    /// <summary>Clients may upgrade. Anybody on the path can stop them from it: for migration only.</summary>
    Allowed,

    /// <summary>Nothing is said about exports before the upgrade.</summary>
    Required,
}

/// <summary>How a connection ended; <see cref="Fault"/> is null when the client said goodbye.</summary>
public sealed record NbdConnectionClosed(long Id, string? Export, NbdFault? Fault, string Message, Exception? Cause);

public sealed record NbdServerOptions
{
    public static readonly NbdServerOptions Default = new();

    /// <summary>
    /// Live connections, those in the handshake too; the next one is closed at once. Each may hold a thread and
    /// twice <see cref="PayloadBytesMax"/> of buffers, if its client sends requests that long.
    /// </summary>
    public int ConnectionsMax { get; init; } = 32;

    /// <summary>From accept to the end of the option phase, TLS included.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Bytes of one read or write. A longer write ends the connection, a longer read is refused.</summary>
    public int PayloadBytesMax { get; init; } = NbdLimits.PayloadBytesMax;

    public NbdTlsMode TlsMode { get; init; } = NbdTlsMode.Off;

    /// <summary>Server certificate and, for mutual TLS, how client certificates are checked.</summary>
    public SslServerAuthenticationOptions? Tls { get; init; }

    /// <summary>Mode of a unix socket, in force before the first client can connect.</summary>
    public UnixFileMode UnixSocketMode { get; init; } = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>
    /// How long a connection's thread looks for the next request before it sleeps, while requests come that soon after
    /// one another. Costs processor time of that thread; zero: it sleeps at once. Not over TLS.
    /// </summary>
    public TimeSpan Linger { get; init; } = TimeSpan.FromMicroseconds(50);

    /// <summary>
    /// A new client of an export ends the others of it, and is let in when nothing of theirs is under way any more.
    /// </summary>
    public bool OneClientPerExport { get; init; }

    /// <summary>A client that sends nothing for so long is cut; zero: it may be silent for ever.</summary>
    public TimeSpan SilenceMax { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Called on the connection's thread after its socket is closed; must not throw.</summary>
    public Action<NbdConnectionClosed>? OnClosed { get; init; }

    public IEnumerable<string> Problems()
    {
        if (ConnectionsMax is < 1 or > 10_000)
            yield return $"connectionsMax is {ConnectionsMax}; allowed is 1 to 10000";
        if (HandshakeTimeout <= TimeSpan.Zero)
            yield return "handshakeTimeout must be positive";
        if (PayloadBytesMax is < 4096 or > NbdLimits.PayloadBytesMax)
            yield return $"payloadBytesMax is {PayloadBytesMax}; allowed is 4096 to {NbdLimits.PayloadBytesMax}";
        if (SilenceMax < TimeSpan.Zero || SilenceMax > TimeSpan.FromDays(1))
            yield return "silenceMax must be 0 to 1 day";
        if (Linger < TimeSpan.Zero || Linger > TimeSpan.FromMilliseconds(10))
            yield return "linger must be 0 to 10 ms";
        if (TlsMode != NbdTlsMode.Off && Tls is null)
            yield return $"tlsMode is {TlsMode} without tls options";
    }
}
