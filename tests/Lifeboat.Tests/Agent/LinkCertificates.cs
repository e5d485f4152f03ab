// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Tests.Agent;

/// <summary>A site directory with a CA and an agent's certificate, made for one test.</summary>
internal sealed class LinkCertificates : IDisposable
{
    public LinkCertificates(string site, string role = "agent", string use = "1.3.6.1.5.5.7.3")
    {
        Site = site;
        Paths = new SitePaths(Directory.CreateTempSubdirectory("lb-link").FullName);
        Directory.CreateDirectory(Path.GetDirectoryName(Paths.TrustAnchor("x"))!);
        var now = TimeProvider.System.GetUtcNow();
        using var caKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var authority = new CertificateRequest($"CN={site}, OU=ca", caKey, HashAlgorithmName.SHA256);
        authority.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        using var ca = authority.CreateSelfSigned(now.AddMinutes(-5), now.AddDays(1));
        File.WriteAllText(Paths.CaCertificate, ca.ExportCertificatePem());
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={site}, OU={role}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(
            new X509EnhancedKeyUsageExtension([new Oid(use + ".1"), new Oid(use + ".2")], false));
        using var certificate = request.Create(ca, now.AddMinutes(-4), now.AddHours(12), [1, 2, 3, 4]);
        File.WriteAllText(Paths.AgentCertificate, certificate.ExportCertificatePem());
        File.WriteAllText(Paths.AgentKey, key.ExportPkcs8PrivateKeyPem());
    }

    public string Site { get; }
    public SitePaths Paths { get; }

    /// <summary>Takes the other's CA as trust anchor, as pairing does.</summary>
    public void Trust(LinkCertificates other) =>
        File.Copy(other.Paths.CaCertificate, Paths.TrustAnchor(other.Site), overwrite: true);

    public void Dispose() => Directory.Delete(Paths.Root, recursive: true);
}
