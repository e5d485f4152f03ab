// SPDX-License-Identifier: Apache-2.0
using System.Net.Http.Json;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Peers;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Identity;

// Pairing of two sites, by a token that a person carries over. Afterwards each has the other's CA as trust anchor.
//
//   maker                                    joiner
//   token: address, CA fingerprint, secret ─ ─ ► (carried by hand)
//                    ◄──── GET /pair ──────────  which CA? its fingerprint must be the token's
//                    ◄──── POST /pair ─────────  over TLS that chains to that CA: own CA, addresses, proof
//   proof right, token unused: trusts joiner ──► proof of the maker right: trusts maker
internal sealed partial class Pairing(SiteConfiguration site, SiteIdentity identity, PeerDirectory peers,
    ControllerUrls urls, TokenStore tokens, TimeProvider time, ILogger<Pairing> logger)
{
    private static readonly TimeSpan TokenLife = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private PairingSide Own => new(site.Name, Url, site.LinkAddress, SiteIdentity.FingerprintOf(identity.Ca));

    public string Url => urls.OfThisSite;

    public PairingOffer Offer => new(site.Name, identity.CaPem);

    public PairingToken CreateToken()
    {
        var ticket = PairingTicket.Create(site.Name, Url, site.LinkAddress, Own.CaFingerprint);
        var expires = time.GetUtcNow() + TokenLife;
        tokens.Add(ticket.Id, ticket.Key, expires);
        return new PairingToken(ticket.Write(), expires);
    }

    /// <summary>The maker's side.</summary>
    /// <exception cref="ProblemException">PairingTokenRefused, CertificateRefused, Conflict.</exception>
    public PairingAccepted Accept(PairingJoin join)
    {
        var key = tokens.Try(join.TokenId, time.GetUtcNow()) ?? throw Refused(join.Site);
        using var ca = ReadCa(join.CaPem, join.Site);
        if (!ControllerUrls.AreValid(join.ControllerUrl))
            throw new ProblemException(ReasonCode.InvalidRequest, $"'{join.ControllerUrl}' is no URL of a controller");
        var joiner = new PairingSide(join.Site, join.ControllerUrl, join.LinkAddress, SiteIdentity.FingerprintOf(ca));
        if (!PairingProof.Matches(PairingProof.Of(key, "join", join.TokenId, Own, joiner), join.Proof))
            throw Refused(join.Site);
        ThrowIfTaken(join.Site, joiner.CaFingerprint);
        if (!tokens.Use(join.TokenId)) throw Refused(join.Site);
        Trust(joiner, join.CaPem);
        return new PairingAccepted(site.Name, Url, site.LinkAddress,
            PairingProof.Of(key, "accept", join.TokenId, Own, joiner));
    }

    /// <summary>The joiner's side.</summary>
    /// <exception cref="ProblemException">
    /// PairingTokenRefused, CertificateRefused, PeerUnreachable, Conflict.
    /// </exception>
    public async Task<PeerInfo> JoinAsync(string token, CancellationToken ct)
    {
        var ticket = PairingTicket.Read(token);
        var (url, caPem) = await FetchCaAsync(ticket, ct);
        using var ca = ReadCa(caPem, ticket.Site);
        if (SiteIdentity.FingerprintOf(ca) != ticket.CaFingerprint)
        {
            throw new ProblemException(ReasonCode.CertificateRefused,
                $"the controller at {url} has another CA than the token says",
                "Someone else answers at that address, or the token is of an older set-up of that site.");
        }
        ThrowIfTaken(ticket.Site, ticket.CaFingerprint);
        using var http = Client(url, shown => SiteIdentity.IsControllerOf(shown, ticket.Site, ca));
        var join = new PairingJoin(ticket.Id, site.Name, identity.CaPem, Url, site.LinkAddress, "");
        var accepted = await PostAsync(http, ticket, join, ct);
        var maker = new PairingSide(ticket.Site, accepted.ControllerUrl, accepted.LinkAddress, ticket.CaFingerprint);
        if (!PairingProof.Matches(PairingProof.Of(ticket.Key, "accept", ticket.Id, maker, Own), accepted.Proof))
        {
            throw new ProblemException(ReasonCode.PairingTokenRefused,
                $"site {ticket.Site} could not prove that it made the token");
        }
        Trust(maker, caPem);
        return peers.Describe(peers.Get(ticket.Site));
    }

    private async Task<PairingAccepted> PostAsync(HttpClient http, PairingTicket ticket, PairingJoin join,
        CancellationToken ct)
    {
        var maker = new PairingSide(ticket.Site, ticket.Url, ticket.Link, ticket.CaFingerprint);
        var proven = join with { Proof = PairingProof.Of(ticket.Key, "join", ticket.Id, maker, Own) };
        using var answer = await SendAsync(http, new HttpRequestMessage(HttpMethod.Post, "pair")
        {
            Content = JsonContent.Create(proven, options: ContractJson.Options),
        }, ticket, ct);
        return await answer.Content.ReadFromJsonAsync<PairingAccepted>(ContractJson.Options, ct)
            ?? throw new ProblemException(ReasonCode.Unexpected, $"site {ticket.Site} answered with null");
    }

    // The first of the site's controllers that answers.
    private static async Task<(string Url, string CaPem)> FetchCaAsync(PairingTicket ticket, CancellationToken ct)
    {
        var urls = ControllerUrls.Split(ticket.Url);
        for (var i = 0; ; i++)
        {
            try
            {
                return (urls[i], await FetchCaAsync(urls[i], ticket, ct));
            }
            catch (ProblemException e) when (e.Reason is ReasonCode.PeerUnreachable && i + 1 < urls.Count)
            {
                // The next one may be there.
            }
        }
    }

    // Nothing secret is sent and nothing is believed here: the token's fingerprint decides.
    private static async Task<string> FetchCaAsync(string url, PairingTicket ticket, CancellationToken ct)
    {
        using var http = Client(url, _ => true);
        using var answer = await SendAsync(http, new HttpRequestMessage(HttpMethod.Get, "pair"), ticket, ct);
        var offer = await answer.Content.ReadFromJsonAsync<PairingOffer>(ContractJson.Options, ct);
        return offer?.CaPem ?? throw new ProblemException(ReasonCode.Unexpected, "no CA was offered");
    }

    private void ThrowIfTaken(string name, string fingerprint)
    {
        if (name == site.Name)
        {
            throw new ProblemException(ReasonCode.Conflict, $"both sites are named {name}",
                "A token cannot be used at the site that made it, and two sites need two names.");
        }
        if (peers.Knows(name) && peers.Get(name).Fingerprint != fingerprint)
        {
            throw new ProblemException(ReasonCode.Conflict, $"this site is paired with another site {name} already",
                "Its CA is another one.");
        }
    }

    private void Trust(PairingSide other, string caPem)
    {
        identity.Trust(other.Site, [X509Certificate2.CreateFromPem(caPem)], null);
        peers.Save(new StoredPeer(other.Site, other.Url, other.Link, other.CaFingerprint, time.GetUtcNow()));
        LogSitePaired(other.Site, other.Url, other.CaFingerprint);
    }

    private ProblemException Refused(string who)
    {
        LogPairingRefused(who);
        return new ProblemException(ReasonCode.PairingTokenRefused, "the pairing token is wrong, used or expired",
            $"Make a new one at site {site.Name}; it is good once, for 15 minutes.");
    }

    internal static X509Certificate2 ReadCa(string pem, string name)
    {
        try
        {
            var ca = X509Certificate2.CreateFromPem(pem);
            var constraints = ca.Extensions.OfType<X509BasicConstraintsExtension>().FirstOrDefault();
            if (EntityName.IsValid(name) && constraints is { CertificateAuthority: true }
                && ca.GetNameInfo(X509NameType.SimpleName, forIssuer: false) == name) return ca;
            ca.Dispose();
        }
        catch (CryptographicException e)
        {
            throw BadCa(name, e);
        }
        throw BadCa(name, null);
    }

    private static ProblemException BadCa(string name, Exception? cause) =>
        new(ReasonCode.CertificateRefused, $"this is not the CA certificate of a site {name}", cause: cause);

    private static HttpClient Client(string url, Func<X509Certificate2, bool> trusts) => new(new SocketsHttpHandler
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        SslOptions = new SslClientAuthenticationOptions
        {
            EnabledSslProtocols = SslProtocols.Tls13,
            RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                certificate is X509Certificate2 shown && trusts(shown),
        },
    })
    {
        BaseAddress = new Uri(url.TrimEnd('/') + "/"),
        Timeout = Limit,
        MaxResponseContentBufferSize = 1 << 20,
    };

    private static async Task<HttpResponseMessage> SendAsync(HttpClient http, HttpRequestMessage request,
        PairingTicket ticket, CancellationToken ct)
    {
        RequestTrace.AddTo(request);
        using (request)
        {
            try
            {
                return await ProblemAnswer.ThrowIfRefusedAsync(await http.SendAsync(request, ct),
                    $"controller of {ticket.Site}", ct);
            }
            catch (HttpRequestException e) when (e.InnerException is AuthenticationException)
            {
                throw new ProblemException(ReasonCode.CertificateRefused,
                    $"the controller at {ticket.Url} is not that of site {ticket.Site}", e.Message, cause: e);
            }
            catch (Exception e) when (e is HttpRequestException
                || e is OperationCanceledException && !ct.IsCancellationRequested)
            {
                throw new ProblemException(ReasonCode.PeerUnreachable,
                    $"the controller of site {ticket.Site} does not answer at {ticket.Url}", e.Message, cause: e);
            }
        }
    }

    [LoggerMessage(EventIds.SitePaired, LogLevel.Information, "Paired with site {Site} at {Url}, CA {Fingerprint}")]
    private partial void LogSitePaired(string site, string url, string fingerprint);

    [LoggerMessage(EventIds.PairingRefused, LogLevel.Warning, "A pairing by {Site} was refused")]
    private partial void LogPairingRefused(string site);
}
