// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

namespace Lifeboat.Contracts.Sites;

/// <summary>
/// Whom this site takes for a paired one: the CAs in `ca/peers/SITE.pem`, the present one first, and what the peer has
/// said of its former certificates in `ca/peers/SITE.json`. Read anew for each connection by controller and agent.
/// </summary>
public sealed class PeerTrust : IDisposable
{
    private readonly X509Certificate2Collection _anchors;
    private readonly FormerCertificates? _former;

    private PeerTrust(X509Certificate2Collection anchors, FormerCertificates? former) =>
        (_anchors, _former) = (anchors, former);

    /// <summary>The CA that the peer's certificates come from now.</summary>
    public X509Certificate2 Present => _anchors[0];

    /// <summary>Null: this site is not paired with it.</summary>
    /// <exception cref="CryptographicException">A file is damaged; also IOException, JsonException.</exception>
    public static PeerTrust? Read(SitePaths paths, string site)
    {
        if (!File.Exists(paths.TrustAnchor(site))) return null;
        var anchors = new X509Certificate2Collection();
        anchors.ImportFromPemFile(paths.TrustAnchor(site));
        if (anchors.Count == 0) throw new CryptographicException($"{paths.TrustAnchor(site)} has no certificate");
        var former = File.Exists(paths.FormerCertificates(site))
            ? JsonSerializer.Deserialize<FormerCertificates>(
                File.ReadAllText(paths.FormerCertificates(site)), ContractJson.Options)
            : null;
        return new PeerTrust(anchors, former);
    }

    /// <summary>Why a certificate is not one of the peer; null: it is.</summary>
    /// <param name="use">The extended key usage it must have; null: any.</param>
    public string? Problem(X509Certificate2 shown, string? use, DateTimeOffset now)
    {
        var formerIsOver = _former is { } f && now >= f.Until;
        if (formerIsOver && shown.NotBefore.ToUniversalTime() < _former!.IssuedBefore.UtcDateTime)
            return "it was replaced by a newer one";
        string? problem = null;
        foreach (var anchor in formerIsOver ? _anchors.Take(1) : _anchors)
            if ((problem = ChainProblem(shown, anchor, use)) is null) return null;
        return problem;
    }

    public void Dispose()
    {
        foreach (var anchor in _anchors) anchor.Dispose();
    }

    private static string? ChainProblem(X509Certificate2 shown, X509Certificate2 anchor, string? use)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(anchor);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        if (use is not null) chain.ChainPolicy.ApplicationPolicy.Add(new Oid(use));
        if (chain.Build(shown)) return null;
        var status = chain.ChainStatus.Select(s => s.StatusInformation.Trim()).Where(s => s.Length > 0).Distinct();
        return "it does not come from the CA this site was paired with: " + string.Join("; ", status);
    }
}

/// <summary>What a site says of the certificates that it has replaced.</summary>
/// <param name="IssuedBefore">Those whose validity begins before this.</param>
/// <param name="Until">They are good until then, so that nothing breaks off while all sides take over.</param>
public sealed record FormerCertificates(DateTimeOffset IssuedBefore, DateTimeOffset Until);

/// <summary>
/// A site tells a paired one what to trust of it, over a connection with a certificate that is trusted.
/// </summary>
/// <param name="CaPems">Its CAs, the present one first.</param>
/// <param name="Former">Null: nothing is replaced yet.</param>
public sealed record TrustNotice(IReadOnlyList<string> CaPems, FormerCertificates? Former);
