// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Peers;
using Lifeboat.Protection;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Identity;

// New certificates for this site while everything runs:
//
//   (new CA: every paired site trusts it beside the old one, or nothing is changed)
//     ─► new certificates of controller and agent, for connections made from now on; those that are there go on
//     ─► every paired site is told that the former ones are good until the overlap is over; who cannot be reached is
//        told later, by the loop that keeps the desired state
internal sealed partial class CertificateRotation(SitePaths paths, SiteConfiguration site, SiteIdentity identity,
    PeerDirectory peers, TimeProvider time, ILogger<CertificateRotation> logger)
{
    private static readonly TimeSpan OverlapMax = TimeSpan.FromDays(30);
    private readonly SemaphoreSlim _alone = new(1, 1);

    private string PendingFile => Path.Combine(Path.GetDirectoryName(paths.CaKey)!, "untold.json");

    /// <exception cref="ProblemException">
    /// InvalidRequest; PeerUnreachable (only with a new CA): a paired site does not know it, so nothing was changed.
    /// </exception>
    public async Task<RotationResult> RotateAsync(RotateCertificatesRequest request, CancellationToken ct)
    {
        if (request.Overlap < TimeSpan.Zero || request.Overlap > OverlapMax)
            throw new ProblemException(ReasonCode.InvalidRequest,
                $"overlap is {request.Overlap}; allowed is 0 to {OverlapMax.TotalDays:0} days");
        if (request.ValidFor is { } span && (span < TimeSpan.FromDays(1) || span > SiteAuthority.Life))
            throw new ProblemException(ReasonCode.InvalidRequest,
                $"validFor is {span}; allowed is a day to {SiteAuthority.Life.TotalDays:0} days");
        await _alone.WaitAsync(ct);
        try
        {
            var before = identity.CaPem;
            var next = request.NewCa ? SiteAuthority.NewCa(site, time) : null;
            if (next is not null)
                foreach (var peer in peers.All)
                    await peers.Side(peer.Name).TrustAsync(new TrustNotice([before, next.CertificatePem], null), ct);
            if (next is not null) next.Write(paths);
            var issued = SiteAuthority.Renew(paths, site, request.ValidFor ?? SiteAuthority.Life,
                identity.Controller.NotBefore, time);
            identity.Reload();
            peers.Renew();
            var former = new FormerCertificates(issued, time.GetUtcNow() + request.Overlap);
            var notice = new TrustNotice(next is null ? [identity.CaPem] : [identity.CaPem, before], former);
            Write(new Untold(notice, [.. peers.All.Select(p => p.Name)]));
            LogRotated(site.Name, request.NewCa, former.Until);
            await TellAsync(ct);
            return new RotationResult(identity.Certificates(), former.Until, Read()?.Peers ?? []);
        }
        finally
        {
            _alone.Release();
        }
    }

    /// <summary>Tells those that have not been told yet; called again and again.</summary>
    public async Task TellAgainAsync(CancellationToken ct)
    {
        if (!File.Exists(PendingFile)) return;
        await _alone.WaitAsync(ct);
        try
        {
            await TellAsync(ct);
        }
        finally
        {
            _alone.Release();
        }
    }

    /// <summary>A paired site says what to trust of it from now on.</summary>
    public void Accept(string peer, TrustNotice notice)
    {
        var cas = notice.CaPems.Take(2).Select(pem => Pairing.ReadCa(pem, peer)).ToList();
        if (cas.Count == 0) throw new ProblemException(ReasonCode.InvalidRequest, "a notice without a CA");
        identity.Trust(peer, cas, notice.Former);
        var (known, fingerprint) = (peers.Get(peer), SiteIdentity.FingerprintOf(cas[0]));
        if (known.Fingerprint != fingerprint) peers.Save(known with { Fingerprint = fingerprint });
    }

    private async Task TellAsync(CancellationToken ct)
    {
        if (Read() is not { } untold) return;
        var left = new List<string>();
        foreach (var peer in untold.Peers.Where(peers.Knows))
        {
            try
            {
                await peers.Side(peer).TrustAsync(untold.Notice, ct);
            }
            catch (ProblemException e)
            {
                LogNotTold(peer, e.Reason, e.Message);
                left.Add(peer);
            }
        }
        if (left.Count == 0) File.Delete(PendingFile);
        else if (left.Count < untold.Peers.Count) Write(untold with { Peers = left });
    }

    private Untold? Read() => File.Exists(PendingFile)
        ? JsonSerializer.Deserialize<Untold>(File.ReadAllText(PendingFile), ContractJson.Options)
        : null;

    private void Write(Untold untold) =>
        PrivateFile.Write(PendingFile, JsonSerializer.Serialize(untold, ContractJson.Indented));

    private sealed record Untold(TrustNotice Notice, IReadOnlyList<string> Peers);

    [LoggerMessage(EventIds.CertificatesRotated, LogLevel.Information,
        "Site {Site} has new certificates (new CA: {NewCa}); the former ones are good until {Until}")]
    private partial void LogRotated(string site, bool newCa, DateTimeOffset until);

    [LoggerMessage(EventIds.PeerNotTold, LogLevel.Warning,
        "Site {Peer} was not told yet that certificates were replaced: {Reason} {Message}")]
    private partial void LogNotTold(string peer, ReasonCode reason, string message);
}
