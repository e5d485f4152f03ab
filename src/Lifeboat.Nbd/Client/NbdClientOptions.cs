// SPDX-License-Identifier: Apache-2.0
using System.Net.Security;

namespace Lifeboat.Nbd;

public sealed record NbdClientOptions
{
    public string Export { get; init; } = "";

    /// <summary>Full names. What the server does not offer is missing in NbdClient.MetaContexts.</summary>
    public IReadOnlyList<string> MetaContexts { get; init; } = [];

    /// <summary>When set, the connection is upgraded or refused; never used in clear.</summary>
    public SslClientAuthenticationOptions? Tls { get; init; }

    /// <summary>Ask for structured replies; block status needs them.</summary>
    public bool StructuredReplies { get; init; } = true;

    /// <summary>Requests on the wire at once; the next one waits its turn.</summary>
    public int InFlightMax { get; init; } = 64;

    /// <summary>From connect to the end of the option phase, TLS included.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public IEnumerable<string> Problems()
    {
        if (System.Text.Encoding.UTF8.GetByteCount(Export) > NbdLimits.NameBytesMax)
            yield return $"the export name is longer than {NbdLimits.NameBytesMax} bytes";
        if (MetaContexts.Count > NbdLimits.MetaContextsMax)
            yield return $"{MetaContexts.Count} meta contexts; allowed are {NbdLimits.MetaContextsMax}";
        if (MetaContexts.Any(c => System.Text.Encoding.UTF8.GetByteCount(c) > NbdLimits.NameBytesMax))
            yield return $"a meta context name is longer than {NbdLimits.NameBytesMax} bytes";
        if (MetaContexts.Count > 0 && !StructuredReplies)
            yield return "meta contexts need structured replies";
        if (InFlightMax is < 1 or > 1024)
            yield return $"inFlightMax is {InFlightMax}; allowed is 1 to 1024";
        if (HandshakeTimeout <= TimeSpan.Zero)
            yield return "handshakeTimeout must be positive";
    }
}
