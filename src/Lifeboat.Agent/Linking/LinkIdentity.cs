// SPDX-License-Identifier: Apache-2.0
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Replication.Linking;

namespace Lifeboat.Agent.Linking;

// Who we are on a link and whom we believe. A peer is the site in its certificate's common name, if that certificate
// chains to the CA that we paired with under that name. Everything is read anew for each connection, so that pairing,
// unpairing and a renewed certificate take effect at once.
internal sealed class LinkIdentity(SitePaths paths, TimeProvider time)
{
    private const string ClientUse = "1.3.6.1.5.5.7.3.2";
    private const string ServerUse = "1.3.6.1.5.5.7.3.1";
    private const string Role = "agent";

    // The newest first: a server takes the first of its own that the client knows too.
    private static readonly List<SslApplicationProtocol> Protocols =
    [
        .. Enumerable.Range(ILinkConnection.VersionOldest,
            ILinkConnection.VersionNewest - ILinkConnection.VersionOldest + 1).Reverse().Select(Protocol),
    ];

    /// <summary>The name of a link version in the handshake (ALPN) and in the listener's welcome.</summary>
    public static SslApplicationProtocol Protocol(int version) => new($"lifeboat-link/{version}");

    /// <summary>What a finished handshake agreed on.</summary>
    public static int VersionOf(SslStream stream)
    {
        var agreed = Protocols.IndexOf(stream.NegotiatedApplicationProtocol);
        return agreed < 0 ? ILinkConnection.VersionOldest : ILinkConnection.VersionNewest - agreed;
    }

    /// <exception cref="LinkException">Our own certificate cannot be read.</exception>
    public X509Certificate2 Own()
    {
        try
        {
            return X509Certificate2.CreateFromPemFile(paths.AgentCertificate, paths.AgentKey);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new LinkException(LinkFault.CertificateRefused,
                $"this site's own certificate {paths.AgentCertificate} cannot be used: {e.Message}", e);
        }
    }

    public SslClientAuthenticationOptions ClientOptions(string expectedSite, LinkVerdict verdict) => new()
    {
        TargetHost = expectedSite,
        ClientCertificateContext = SslStreamCertificateContext.Create(Own(), null, offline: true),
        EnabledSslProtocols = SslProtocols.Tls13,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        ApplicationProtocols = Protocols,
        RemoteCertificateValidationCallback = (_, certificate, _, _) =>
            verdict.Accept(certificate, shown => Check(shown, expectedSite, ServerUse)),
    };

    public SslServerAuthenticationOptions ServerOptions(LinkVerdict verdict) => new()
    {
        ServerCertificateContext = SslStreamCertificateContext.Create(Own(), null, offline: true),
        ClientCertificateRequired = true,
        EnabledSslProtocols = SslProtocols.Tls13,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        ApplicationProtocols = Protocols,
        RemoteCertificateValidationCallback = (_, certificate, _, _) =>
            verdict.Accept(certificate, shown => Check(shown, null, ClientUse)),
    };

    // Returns the site, or why not.
    private (string? Site, string? Refusal) Check(X509Certificate2 shown, string? expectedSite, string use)
    {
        var site = shown.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
        // The name becomes part of a path: it is checked before anything else is done with it.
        if (!EntityName.IsValid(site)) return (null, $"its common name '{site}' is not the name of a site");
        if (expectedSite is not null && site != expectedSite)
            return (null, $"it is the certificate of site '{site}', not of '{expectedSite}'");
        if (!HasRole(shown)) return (null, $"it is not an agent's certificate ({shown.Subject})");
        try
        {
            using var trust = PeerTrust.Read(paths, site);
            if (trust is null) return (null, $"this site is not paired with '{site}'");
            return trust.Problem(shown, use, time.GetUtcNow()) is { } problem ? (null, problem) : (site, null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException
            or JsonException)
        {
            return (null, $"the trust anchor {paths.TrustAnchor(site)} cannot be used: {e.Message}");
        }
    }

    private static bool HasRole(X509Certificate2 shown) =>
        shown.SubjectName.EnumerateRelativeDistinguishedNames()
            .Any(n => !n.HasMultipleElements && n.GetSingleElementType().Value == "2.5.4.11"
                && n.GetSingleElementValue() == Role);
}

/// <summary>What was decided about the peer of one handshake.</summary>
internal sealed class LinkVerdict
{
    public string? Site { get; private set; }
    public string? Refusal { get; private set; }

    public bool Accept(X509Certificate? shown, Func<X509Certificate2, (string? Site, string? Refusal)> check)
    {
        (Site, Refusal) = shown is X509Certificate2 certificate
            ? check(certificate)
            : (null, "it showed no certificate");
        return Site is not null;
    }
}
