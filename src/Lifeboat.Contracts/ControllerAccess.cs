// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Peers;
using Lifeboat.Protection;

namespace Lifeboat.Contracts;

/// <summary>Where a controller is and as whom it is reached over HTTPS.</summary>
public sealed record ControllerAccess
{
    /// <summary>E.g. `https://10.0.0.1:7401`.</summary>
    public required Uri Url { get; init; }
    /// <summary>The site's CA certificate, PEM; or else its fingerprint.</summary>
    public string? CaPem { get; init; }
    /// <summary>SHA-256 of the site's CA certificate, hex, as `site get` and pairing tokens have it.</summary>
    public string? Fingerprint { get; init; }
    /// <summary>A token; or else user and password.</summary>
    public string? Token { get; init; }
    public string? User { get; init; }
    public string? Password { get; init; }
    /// <summary>Of the user; also the one that requests are about. Null: a user of the site.</summary>
    public string? Tenant { get; init; }
}

/// <summary>
/// Reaches a controller over HTTPS: trusts only certificates of the site's own CA that are a controller's, signs in
/// with
/// user and password when there is no token, and again when the token it got is over.
/// </summary>
public sealed class ControllerHandler(ControllerAccess access) : HttpMessageHandler
{
    private const string ControllerUnit = "controller";
    private readonly SemaphoreSlim _alone = new(1, 1);
    private HttpMessageInvoker? _invoker;
    private X509Certificate2? _ca;
    private volatile string? _token = access.Token;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request,
        CancellationToken cancellationToken)
    {
        var invoker = await ConnectAsync(cancellationToken);
        var token = _token ?? await SignInAsync(invoker, null, cancellationToken);
        // Read into memory, so that it can be sent once more.
        if (request.Content is not null) await request.Content.LoadIntoBufferAsync(cancellationToken);
        var answer = await invoker.SendAsync(Signed(request, token), cancellationToken);
        if (answer.StatusCode is not HttpStatusCode.Unauthorized || access.Token is not null) return answer;
        answer.Dispose();
        token = await SignInAsync(invoker, token, cancellationToken);
        using var again = Again(request);
        return await invoker.SendAsync(Signed(again, token), cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _invoker?.Dispose();
            _ca?.Dispose();
            _alone.Dispose();
        }
        base.Dispose(disposing);
    }

    private HttpRequestMessage Signed(HttpRequestMessage request, string token)
    {
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (access.Tenant is { } tenant && !request.Headers.Contains(TenantHeader.Name))
            request.Headers.Add(TenantHeader.Name, tenant);
        return request;
    }

    private static HttpRequestMessage Again(HttpRequestMessage request)
    {
        var again = new HttpRequestMessage(request.Method, request.RequestUri) { Content = request.Content };
        foreach (var (name, values) in request.Headers) again.Headers.TryAddWithoutValidation(name, values);
        return again;
    }

    private async Task<HttpMessageInvoker> ConnectAsync(CancellationToken ct)
    {
        if (_invoker is { } there) return there;
        await _alone.WaitAsync(ct);
        try
        {
            if (_invoker is { } meanwhile) return meanwhile;
            _ca = X509Certificate2.CreateFromPem(access.CaPem ?? await FetchCaAsync(ct));
            return _invoker = new HttpMessageInvoker(Handler(IsController));
        }
        catch (CryptographicException e)
        {
            throw new ProblemException(ReasonCode.CertificateRefused, "the CA of the profile is not a certificate",
                e.Message, cause: e);
        }
        finally
        {
            _alone.Release();
        }
    }

    // Nothing secret is sent and nothing is believed here: the fingerprint decides.
    private async Task<string> FetchCaAsync(CancellationToken ct)
    {
        using var any = new HttpClient(Handler(_ => true)) { BaseAddress = access.Url };
        var offer = await any.GetFromJsonAsync<PairingOffer>("pair", ContractJson.Answers, ct);
        using var ca = X509Certificate2.CreateFromPem(offer!.CaPem);
        var found = Convert.ToHexStringLower(SHA256.HashData(ca.RawData));
        var wanted = access.Fingerprint?.Replace(":", "", StringComparison.Ordinal).ToLowerInvariant();
        return found == wanted ? offer.CaPem : throw new ProblemException(ReasonCode.CertificateRefused,
            $"the controller at {access.Url} has another CA than the profile says",
            $"Its fingerprint is {found}. Someone else answers there, or the site has a new CA.");
    }

    private async Task<string> SignInAsync(HttpMessageInvoker invoker, string? over, CancellationToken ct)
    {
        await _alone.WaitAsync(ct);
        try
        {
            if (_token is { } known && known != over) return known;
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(access.Url, "/v1/tokens"))
            {
                Content = JsonContent.Create(new CreateApiTokenRequest
                {
                    User = access.User, Password = access.Password, Tenant = access.Tenant, Label = "signed in",
                }, options: ContractJson.Options),
            };
            using var answer = await ProblemAnswer.ThrowIfRefusedAsync(
                await invoker.SendAsync(request, ct), "controller", ct);
            var made = await answer.Content.ReadFromJsonAsync<ApiTokenMade>(ContractJson.Answers, ct);
            return _token = made!.Token;
        }
        finally
        {
            _alone.Release();
        }
    }

    private static SocketsHttpHandler Handler(Func<X509Certificate2, bool> trusts) => new()
    {
        AllowAutoRedirect = false,
        SslOptions = new SslClientAuthenticationOptions
        {
            EnabledSslProtocols = SslProtocols.Tls13,
            RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                certificate is X509Certificate2 shown && trusts(shown),
        },
    };

    // The CA is the site's alone and names what each certificate is for: addresses say nothing more.
    private bool IsController(X509Certificate2 certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(_ca!);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        return chain.Build(certificate) && certificate.SubjectName.EnumerateRelativeDistinguishedNames()
            .Any(n => !n.HasMultipleElements && n.GetSingleElementType().Value == "2.5.4.11"
                && n.GetSingleElementValue() == ControllerUnit);
    }
}

/// <summary>Names the one tenant that a request is about.</summary>
public static class TenantHeader
{
    public const string Name = "Lifeboat-Tenant";

    /// <summary>Adds it to every request, unless it is null.</summary>
    public static HttpMessageHandler Over(HttpMessageHandler inner, string? tenant) =>
        tenant is null ? inner : new Adding(inner, tenant);

    private sealed class Adding(HttpMessageHandler inner, string tenant) : DelegatingHandler(inner)
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request,
            CancellationToken cancellationToken)
        {
            request.Headers.Add(Name, tenant);
            return base.SendAsync(request, cancellationToken);
        }
    }
}
