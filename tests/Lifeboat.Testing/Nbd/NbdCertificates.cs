// SPDX-License-Identifier: Apache-2.0
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Lifeboat.Testing.Nbd;

/// <summary>
/// An authority with one server (localhost) and one client, also as the PEM files that GnuTLS programs expect in a
/// folder. Valid from an hour ago for a day.
/// </summary>
public sealed class NbdCertificates : IDisposable
{
    private readonly X509Certificate2 _authority;

    public NbdCertificates(string folder, TimeProvider time)
    {
        Folder = folder;
        Directory.CreateDirectory(folder);
        var (from, until) = (time.GetUtcNow().AddHours(-1), time.GetUtcNow().AddDays(1));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=test authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        _authority = request.CreateSelfSigned(from, until);
        Server = Issue("server", "1.3.6.1.5.5.7.3.1", from, until);
        Client = Issue("client", "1.3.6.1.5.5.7.3.2", from, until);
        File.WriteAllText(Path.Combine(folder, "ca-cert.pem"), _authority.ExportCertificatePem());
    }

    /// <summary>ca-cert.pem, server-cert.pem, server-key.pem, client-cert.pem, client-key.pem.</summary>
    public string Folder { get; }

    public X509Certificate2 Server { get; }

    public X509Certificate2 Client { get; }

    /// <summary>Mutual TLS: only clients of this authority.</summary>
    public SslServerAuthenticationOptions ForServer => new()
    {
        ServerCertificate = Server,
        ClientCertificateRequired = true,
        CertificateChainPolicy = Policy(),
    };

    public SslClientAuthenticationOptions ForClient => new()
    {
        TargetHost = "localhost",
        ClientCertificates = [Client],
        CertificateChainPolicy = Policy(),
    };

    public void Dispose()
    {
        _authority.Dispose();
        Server.Dispose();
        Client.Dispose();
    }

    private X509ChainPolicy Policy() => new()
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust,
        CustomTrustStore = { _authority },
        RevocationMode = X509RevocationMode.NoCheck,
    };

    private X509Certificate2 Issue(string name, string purpose, DateTimeOffset from, DateTimeOffset until)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(purpose)], false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using var signed = request.Create(_authority, from, until, Guid.NewGuid().ToByteArray());
        var certificate = signed.CopyWithPrivateKey(key);
        File.WriteAllText(Path.Combine(Folder, $"{name}-cert.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(Folder, $"{name}-key.pem"), key.ExportPkcs8PrivateKeyPem());
        return certificate;
    }
}
