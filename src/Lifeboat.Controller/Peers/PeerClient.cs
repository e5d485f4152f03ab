// SPDX-License-Identifier: Apache-2.0
using System.Net.Http.Json;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Lifeboat.Contracts;
using Lifeboat.Controller.Identity;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Peers;

/// <summary>
/// HTTPS to the controller of one paired site: TLS 1.3, certificates on both sides. Every request is counted before it
/// leaves, so that "the dead site is not called" (I11) can be proved.
/// </summary>
internal sealed class PeerClient : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly string _site;
    private readonly Func<HttpClient> _connect;
    private volatile HttpClient _http;
    private readonly TimeProvider _time;
    private long _requests;

    public PeerClient(string site, string url, SiteIdentity identity, TimeProvider time)
    {
        (_site, _time) = (site, time);
        _connect = () => new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            ConnectTimeout = TimeSpan.FromSeconds(5),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            SslOptions = new SslClientAuthenticationOptions
            {
                EnabledSslProtocols = SslProtocols.Tls13,
                LocalCertificateSelectionCallback = (_, _, _, _, _) => identity.Controller,
                RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                    certificate is X509Certificate2 shown && identity.PeerOf(shown) == site,
            },
        })
        {
            BaseAddress = new Uri(url.TrimEnd('/') + "/"),
            Timeout = Timeout.InfiniteTimeSpan,
        };
        _http = _connect();
    }

    /// <summary>
    /// Connects anew from now on: the site has another certificate. Requests under way end on their connection, and the
    /// former client is left to the garbage collector.
    /// </summary>
    public void Renew() => _http = _connect();

    public long Requests => Interlocked.Read(ref _requests);
    public DateTimeOffset? LastSeen { get; private set; }
    public ReasonCode LastReason { get; private set; }
    /// <summary>It answered when it was last asked.</summary>
    public bool Answers => LastSeen is not null && LastReason is ReasonCode.None;

    /// <param name="longer">Time on top of the usual limit, for requests that wait for something.</param>
    public async Task<T> AskAsync<T>(HttpMethod method, string path, object? body, TimeSpan longer,
        CancellationToken ct)
    {
        using var answer = await SendAsync(method, path, Json(body), longer, ct);
        return await answer.Content.ReadFromJsonAsync<T>(ContractJson.Answers, ct)
            ?? throw new ProblemException(ReasonCode.Unexpected, $"{_site} answered {method} {path} with null");
    }

    public async Task TellAsync(HttpMethod method, string path, object? body, TimeSpan longer, CancellationToken ct)
    {
        using var answer = await SendAsync(method, path, Json(body), longer, ct);
    }

    public async Task SendBytesAsync(HttpMethod method, string path, ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        using var answer = await SendAsync(method, path, new ReadOnlyMemoryContent(bytes), TimeSpan.Zero, ct);
    }

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content,
        TimeSpan longer, CancellationToken ct)
    {
        // Ends when the caller gives up (ct), which is no failure, or when the peer takes too long, which is one.
        using var limit = new CancellationTokenSource(Limit + longer, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        using var request = new HttpRequestMessage(method, path) { Content = content };
        RequestTrace.AddTo(request);
        Interlocked.Increment(ref _requests);
        try
        {
            var answer = await _http.SendAsync(request, either.Token);
            (LastSeen, LastReason) = (_time.GetUtcNow(), ReasonCode.None);
            return await ProblemAnswer.ThrowIfRefusedAsync(answer, $"controller of {_site}", ct);
        }
        catch (HttpRequestException e)
        {
            var refused = e.InnerException is AuthenticationException;
            throw Failed(refused ? ReasonCode.CertificateRefused : ReasonCode.PeerUnreachable, refused
                ? $"the controller at {_http.BaseAddress} is not that of site {_site}"
                : $"the controller of site {_site} does not answer", e.InnerException?.Message ?? e.Message, e);
        }
        catch (OperationCanceledException e) when (limit.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            throw Failed(ReasonCode.PeerUnreachable, $"the controller of site {_site} did not answer in time",
                $"{method} {path}", e);
        }
    }

    private ProblemException Failed(ReasonCode reason, string title, string detail, Exception cause)
    {
        LastReason = reason;
        return new ProblemException(reason, title, detail, cause: cause);
    }

    private static JsonContent? Json(object? body) =>
        body is null ? null : JsonContent.Create(body, body.GetType(), options: ContractJson.Options);
}
