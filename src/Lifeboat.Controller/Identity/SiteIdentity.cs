// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Identity;

/// <summary>This site's certificates and the trust anchors of the sites it is paired with.</summary>
internal sealed class SiteIdentity : IDisposable
{
    private readonly SitePaths _paths;
    private readonly SitePaths _place;
    private readonly TimeProvider _time;
    private volatile Own _own;

    public SiteIdentity(SitePaths paths, TimeProvider time) : this(paths, paths, time) { }

    /// <param name="place">The directory of this controller.</param>
    public SiteIdentity(SitePaths paths, SitePaths place, TimeProvider time)
    {
        (_paths, _place, _time) = (paths, place, time);
        _own = Read(paths, place);
    }

    public X509Certificate2 Ca => _own.Ca;
    public X509Certificate2 Controller => _own.Controller;
    public string CaPem => Ca.ExportCertificatePem();

    public static string FingerprintOf(X509Certificate2 certificate) =>
        Convert.ToHexStringLower(SHA256.HashData(certificate.RawData));

    /// <summary>Takes over what was written anew. The former ones stay with the connections that use them.</summary>
    public void Reload() => _own = Read(_paths, _place);

    /// <summary>Takes over what another controller of the site wrote anew.</summary>
    /// <returns>True: there was something new.</returns>
    public bool ReloadIfNew()
    {
        try
        {
            if (File.ReadAllText(_place.ControllerCertificate).Trim() == _own.Pem) return false;
            Reload();
            return true;
        }
        catch (Exception e) when (e is CryptographicException or IOException)
        {
            return false; // it is being written: a key that does not fit its certificate yet
        }
    }

    /// <param name="cas">The present one first.</param>
    /// <param name="former">What the site has said of those that it replaced.</param>
    public void Trust(string site, IReadOnlyList<X509Certificate2> cas, FormerCertificates? former)
    {
        PrivateFile.Write(_paths.TrustAnchor(site),
            string.Concat(cas.Select(ca => ca.ExportCertificatePem() + "\n")));
        if (former is null) File.Delete(_paths.FormerCertificates(site));
        else PrivateFile.Write(_paths.FormerCertificates(site),
            JsonSerializer.Serialize(former, ContractJson.Indented));
    }

    /// <summary>The paired site whose controller the certificate belongs to; null: none of them.</summary>
    public string? PeerOf(X509Certificate2 certificate)
    {
        var site = certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
        // The name becomes part of a path: it is checked before anything else is done with it.
        if (!EntityName.IsValid(site) || Unit(certificate) != "controller") return null;
        try
        {
            using var trust = PeerTrust.Read(_paths, site);
            return trust is not null && trust.Problem(certificate, null, _time.GetUtcNow()) is null ? site : null;
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException
            or JsonException)
        {
            return null; // who cannot be looked up is not trusted
        }
    }

    /// <summary>This site's certificates, and the CAs of paired sites, as far as they can be read.</summary>
    public IReadOnlyList<CertificateInfo> Certificates()
    {
        var own = _own;
        var all = new List<CertificateInfo> { InfoOf(own.Ca, "ca"), InfoOf(own.Controller, "controller") };
        foreach (var host in _paths.FurtherHosts().Select(_paths.OfHost).Prepend(_paths))
        {
            using var agent = X509Certificate2.CreateFromPem(File.ReadAllText(host.AgentCertificate));
            all.Add(InfoOf(agent, "agent"));
        }
        foreach (var file in Directory.EnumerateFiles(_paths.TrustAnchors, "*.pem").Order(StringComparer.Ordinal))
        {
            using var ca = X509Certificate2.CreateFromPem(File.ReadAllText(file));
            all.Add(InfoOf(ca, "ca"));
        }
        return all;
    }

    public static bool IsControllerOf(X509Certificate2 certificate, string site, X509Certificate2 anchor) =>
        certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false) == site
        && Unit(certificate) == "controller" && ChainsTo(certificate, anchor);

    public void Dispose()
    {
        _own.Ca.Dispose();
        _own.Controller.Dispose();
    }

    private static Own Read(SitePaths paths, SitePaths place) => new(
        X509Certificate2.CreateFromPem(File.ReadAllText(paths.CaCertificate)),
        X509Certificate2.CreateFromPemFile(place.ControllerCertificate, place.ControllerKey),
        File.ReadAllText(place.ControllerCertificate).Trim());

    private static CertificateInfo InfoOf(X509Certificate2 certificate, string role) => new(
        certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false), role, certificate.NotBefore,
        certificate.NotAfter);

    private sealed record Own(X509Certificate2 Ca, X509Certificate2 Controller, string Pem);

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
