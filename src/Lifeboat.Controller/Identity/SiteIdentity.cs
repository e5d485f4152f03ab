// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Controller.Identity;

/// <summary>This site's certificates and the trust anchors of the sites it is paired with.</summary>
internal sealed class SiteIdentity : IDisposable
{
    private readonly SitePaths _paths;
    private readonly ConcurrentDictionary<string, X509Certificate2> _anchors = new();

    public SiteIdentity(SitePaths paths)
    {
        _paths = paths;
        Ca = X509Certificate2.CreateFromPem(File.ReadAllText(paths.CaCertificate));
        Controller = X509Certificate2.CreateFromPemFile(paths.ControllerCertificate, paths.ControllerKey);
        foreach (var file in Directory.EnumerateFiles(paths.TrustAnchors, "*.pem"))
            _anchors[Path.GetFileNameWithoutExtension(file)] = X509Certificate2.CreateFromPem(File.ReadAllText(file));
    }

    public X509Certificate2 Ca { get; }
    public X509Certificate2 Controller { get; }
    public string CaPem => Ca.ExportCertificatePem();

    public static string FingerprintOf(X509Certificate2 certificate) =>
        Convert.ToHexStringLower(SHA256.HashData(certificate.RawData));

    public X509Certificate2? Anchor(string site) => _anchors.GetValueOrDefault(site);

    public void Trust(string site, X509Certificate2 ca)
    {
        PrivateFile.Write(_paths.TrustAnchor(site), ca.ExportCertificatePem());
        _anchors[site] = ca;
    }

    /// <summary>The paired site whose controller the certificate belongs to; null: none of them.</summary>
    public string? PeerOf(X509Certificate2 certificate)
    {
        var site = certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
        return Anchor(site) is { } anchor && IsControllerOf(certificate, site, anchor) ? site : null;
    }

    public static bool IsControllerOf(X509Certificate2 certificate, string site, X509Certificate2 anchor) =>
        certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false) == site
        && Unit(certificate) == "controller" && ChainsTo(certificate, anchor);

    public void Dispose()
    {
        Ca.Dispose();
        Controller.Dispose();
        foreach (var anchor in _anchors.Values) anchor.Dispose();
    }

    private static string? Unit(X509Certificate2 certificate) =>
        certificate.SubjectName.EnumerateRelativeDistinguishedNames()
            .Where(n => !n.HasMultipleElements && n.GetSingleElementType().Value == "2.5.4.11")
            .Select(n => n.GetSingleElementValue()).SingleOrDefault();

    private static bool ChainsTo(X509Certificate2 certificate, X509Certificate2 anchor)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(anchor);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        return chain.Build(certificate);
    }
}
