// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Identity;

/// <summary>
/// The site's own small CA: ECDSA P-256, self-signed, made once. It signs the certificates of the site's controller and
/// agent (CN = site, OU = role); paired sites keep its certificate as their trust anchor for this site.
/// </summary>
internal static class SiteAuthority
{
    // A host clock that is a little behind must not find the certificate not yet valid.
    private static readonly TimeSpan Backdated = TimeSpan.FromMinutes(10);
    public static readonly TimeSpan Life = TimeSpan.FromDays(3650);

    public static void Create(SitePaths paths, SiteConfiguration site, TimeProvider time)
    {
        var from = time.GetUtcNow() - Backdated;
        using var caKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var ca = SelfSigned(site.Name, caKey, from);
        PrivateFile.Write(paths.CaKey, caKey.ExportPkcs8PrivateKeyPem());
        PrivateFile.Write(paths.CaCertificate, ca.ExportCertificatePem());
        IssueBoth(ca, caKey, paths, site, from, Life - Backdated);
    }

    /// <summary>A CA in the place of the present one; nothing is written yet.</summary>
    public static NextCa NewCa(SiteConfiguration site, TimeProvider time)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var ca = SelfSigned(site.Name, key, time.GetUtcNow() - Backdated);
        return new NextCa(ca.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>New certificates of the CA that is there.</summary>
    /// <param name="former">When those before began: the new ones begin later, so that they can be told apart.</param>
    /// <returns>When the new ones begin.</returns>
    public static DateTimeOffset Renew(
        SitePaths paths, SiteConfiguration site, TimeSpan life, DateTime former, TimeProvider time)
    {
        using var caKey = ECDsa.Create();
        caKey.ImportFromPem(File.ReadAllText(paths.CaKey));
        using var ca = X509Certificate2.CreateFromPem(File.ReadAllText(paths.CaCertificate));
        using var known = ca.GetECDsaPublicKey();
        if (known?.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(caKey.ExportSubjectPublicKeyInfo()) != true)
            throw new ProblemException(ReasonCode.Unexpected, "the site's CA and its key do not fit each other",
                "A change of the CA was cut off: make a new one with `site rotate-certificates --ca`.");
        var from = time.GetUtcNow() - Backdated;
        var least = new DateTimeOffset(former.ToUniversalTime()).AddSeconds(1);
        if (from < least) from = least;
        // Certificates know whole seconds, and none is good for longer than its CA.
        from = DateTimeOffset.FromUnixTimeSeconds(from.ToUnixTimeSeconds());
        var end = new DateTimeOffset(ca.NotAfter.ToUniversalTime());
        IssueBoth(ca, caKey, paths, site, from, from + life < end ? life : end - from);
        return from;
    }

    private static void IssueBoth(X509Certificate2 ca, ECDsa caKey, SitePaths paths, SiteConfiguration site,
        DateTimeOffset from, TimeSpan life)
    {
        foreach (var controller in paths.FurtherControllers().Select(paths.OfController).Prepend(paths))
        {
            // Each listens elsewhere; a site that is being made has no file yet.
            var own = File.Exists(controller.Configuration) ? SiteConfiguration.Read(controller.Root) : site;
            Issue(ca, caKey, own, "controller", controller.ControllerCertificate, controller.ControllerKey, from, life);
        }
        foreach (var agent in paths.FurtherHosts().Select(paths.OfHost).Prepend(paths))
            Issue(ca, caKey, site, "agent", agent.AgentCertificate, agent.AgentKey, from, life);
    }

    /// <summary>A certificate for one more agent, as good as those that the site has now.</summary>
    public static void IssueAgent(
        SitePaths site, SiteConfiguration configuration, SitePaths agent, TimeProvider time) =>
        IssueOne(site, configuration, "agent", agent.AgentCertificate, agent.AgentKey, time);

    /// <summary>A certificate for one more controller, as good as those that the site has now.</summary>
    public static void IssueController(
        SitePaths site, SiteConfiguration configuration, SitePaths controller, TimeProvider time) =>
        IssueOne(site, configuration, "controller", controller.ControllerCertificate, controller.ControllerKey, time);

    private static void IssueOne(SitePaths site, SiteConfiguration configuration, string role, string certificateFile,
        string keyFile, TimeProvider time)
    {
        using var caKey = ECDsa.Create();
        caKey.ImportFromPem(File.ReadAllText(site.CaKey));
        using var ca = X509Certificate2.CreateFromPem(File.ReadAllText(site.CaCertificate));
        using var present = X509Certificate2.CreateFromPem(File.ReadAllText(site.ControllerCertificate));
        // Not before those: what is older than they are passes for replaced.
        var least = new DateTimeOffset(present.NotBefore.ToUniversalTime());
        var from = time.GetUtcNow() - Backdated;
        if (from < least) from = least;
        var end = new DateTimeOffset(present.NotAfter.ToUniversalTime());
        Issue(ca, caKey, configuration, role, certificateFile, keyFile, from, end - from);
    }

    private static X509Certificate2 SelfSigned(string site, ECDsa key, DateTimeOffset from)
    {
        var request = new CertificateRequest($"CN={site}, OU=ca", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(
            X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request.CreateSelfSigned(from, from + Life);
    }

    private static void Issue(X509Certificate2 ca, ECDsa caKey, SiteConfiguration site, string role,
        string certificateFile, string keyFile, DateTimeOffset from, TimeSpan life)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={site.Name}, OU={role}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(
            [new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], false));
        request.CertificateExtensions.Add(AlternativeNames(site));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(ca, true, false));
        using var certificate = request.Create(ca.SubjectName, X509SignatureGenerator.CreateForECDsa(caKey), from,
            from + life, RandomNumberGenerator.GetBytes(16));
        PrivateFile.Write(keyFile, key.ExportPkcs8PrivateKeyPem());
        PrivateFile.Write(certificateFile, certificate.ExportCertificatePem());
    }

    private static X509Extension AlternativeNames(SiteConfiguration site)
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(site.Name);
        foreach (var address in new[] { site.ControllerListen, site.LinkListen }
            .Select(a => IPEndPoint.Parse(a).Address).Append(IPAddress.Loopback).Append(IPAddress.IPv6Loopback)
            .Where(a => !a.Equals(IPAddress.Any) && !a.Equals(IPAddress.IPv6Any)).Distinct())
        {
            names.AddIpAddress(address);
        }
        return names.Build();
    }
}

/// <summary>A CA that is not in use yet.</summary>
internal sealed record NextCa(string CertificatePem, string KeyPem)
{
    public void Write(SitePaths paths)
    {
        PrivateFile.Write(paths.CaKey, KeyPem);
        PrivateFile.Write(paths.CaCertificate, CertificatePem);
    }
}
