// SPDX-License-Identifier: Apache-2.0
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Lifeboat.Appliance;

/// <summary>
/// The key of this appliance, made at its start and nowhere but in its memory, and whom it lets write: controllers of
/// the site whose CA it was told.
/// </summary>
internal sealed class ApplianceIdentity : IDisposable
{
    private const string UnitName = "2.5.4.11";
    private const string ClientUse = "1.3.6.1.5.5.7.3.2";
    private readonly X509Certificate2 _own;
    private readonly X509Certificate2 _ca;

    public ApplianceIdentity(X509Certificate2 ca, TimeProvider time)
    {
        _ca = ca;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=lifeboat-appliance", key, HashAlgorithmName.SHA256);
        // Known by its fingerprint alone: its dates say nothing to anybody.
        var now = time.GetUtcNow();
        _own = request.CreateSelfSigned(now - TimeSpan.FromDays(1), now + TimeSpan.FromDays(365));
    }

    public string Fingerprint => Convert.ToHexStringLower(SHA256.HashData(_own.RawData));

    public SslServerAuthenticationOptions Tls => new()
    {
        ServerCertificateContext = SslStreamCertificateContext.Create(_own, null, offline: true),
        ClientCertificateRequired = true,
        EnabledSslProtocols = SslProtocols.Tls13,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        RemoteCertificateValidationCallback = (_, shown, _, _) => shown is X509Certificate2 client && IsTrusted(client),
    };

    public void Dispose() => _own.Dispose();

    // The site's agents have certificates of the same CA, and are on hosts of guests: they may not.
    private bool IsTrusted(X509Certificate2 client)
    {
        if (!client.SubjectName.EnumerateRelativeDistinguishedNames().Any(n => !n.HasMultipleElements
            && n.GetSingleElementType().Value == UnitName && n.GetSingleElementValue() == "controller")) return false;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(_ca);
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ClientUse));
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        return chain.Build(client);
    }
}
