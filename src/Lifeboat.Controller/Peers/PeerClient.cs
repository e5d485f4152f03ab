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
    private readonly IReadOnlyList<Uri> _urls;
    private readonly Func<HttpClient> _connect;
    private volatile HttpClient _http;
    private readonly TimeProvider _time;
    private long _requests;
    // Which of the controllers is asked; the one that answered last.
    private volatile int _current;

    /// <param name="urls">Of the site's controllers; see <see cref="ControllerUrls"/>.</param>
    public PeerClient(string site, string urls, SiteIdentity identity, TimeProvider time)
    {
        (_site, _time) = (site, time);
        _urls = [.. ControllerUrls.Split(urls).Select(url => new Uri(url.TrimEnd('/') + "/"))];
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
        using var answer = await SendAsync(method, path, () => Json(body), longer, ct);
        return await answer.Content.ReadFromJsonAsync<T>(ContractJson.Answers, ct)
            ?? throw new ProblemException(ReasonCode.Unexpected, $"{_site} answered {method} {path} with null");
    }

    public async Task TellAsync(HttpMethod method, string path, object? body, TimeSpan longer, CancellationToken ct)
    {
        using var answer = await SendAsync(method, path, () => Json(body), longer, ct);
    }

    public async Task SendBytesAsync(HttpMethod method, string path, ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        using var answer = await SendAsync(method, path, () => new ReadOnlyMemoryContent(bytes), TimeSpan.Zero, ct);
    }

    public void Dispose() => _http.Dispose();

    // One controller after the other, as long as none could be connected to: what may have reached one is not said to
    // another within one request, but the next request goes to that other.
    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, Func<HttpContent?> content,
        TimeSpan longer, CancellationToken ct)
    {
        // Ends when the caller gives up (ct), which is no failure, or when the peer takes too long, which is one.
        using var limit = new CancellationTokenSource(Limit + longer, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        for (var tried = 1; ; tried++)
        {
            var current = _current;
            using var request = new HttpRequestMessage(method, new Uri(_urls[current], path)) { Content = content() };
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
                _current = (current + 1) % _urls.Count;
                if (tried < _urls.Count && e.HttpRequestError is HttpRequestError.ConnectionError) continue;
                var refused = e.InnerException is AuthenticationException;
                throw Failed(refused ? ReasonCode.CertificateRefused : ReasonCode.PeerUnreachable, refused
                    ? $"the controller at {_urls[current]} is not that of site {_site}"
                    : $"the controller of site {_site} does not answer", e.InnerException?.Message ?? e.Message, e);
            }
            // Its own limit for connecting, or ours for all of it: a controller that hangs.
            catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
            {
                _current = (current + 1) % _urls.Count;
                if (tried < _urls.Count && !limit.IsCancellationRequested) continue;
                throw Failed(ReasonCode.PeerUnreachable, $"the controller of site {_site} did not answer in time",
                    $"{method} {path}", e);
            }
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
