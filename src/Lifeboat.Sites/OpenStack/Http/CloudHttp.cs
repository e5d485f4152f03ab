// SPDX-License-Identifier: Apache-2.0
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Lifeboat.Sites.OpenStack.Clouds;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;

namespace Lifeboat.Sites.OpenStack.Http;

/// <summary>
/// One way out to all services of a cloud: time limits, repeats, request ids, and no redirects (a token would follow
/// them). A request that changes something is repeated only when it surely was not carried out; whoever makes things
/// looks for them first (<see cref="MakeOnce"/>).
/// </summary>
internal sealed partial class CloudHttp : IDisposable
{
    private const int AnswerMax = 64 << 20;
    private const string RequestIdHeader = "X-Openstack-Request-Id";

    private readonly CloudHttpOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly HttpClient _http;
    private readonly ResiliencePipeline<CloudAnswer> _repeatable;
    private readonly ResiliencePipeline<CloudAnswer> _changing;

    /// <exception cref="SiteException">Refused: its certificate files cannot be read.</exception>
    public CloudHttp(CloudSettings cloud, CloudHttpOptions options, TimeProvider time, ILogger<CloudHttp> logger)
    {
        _options = options;
        _time = time;
        _logger = logger;
        _http = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = Tls(cloud),
            AllowAutoRedirect = false,
            UseProxy = true,
            // uWSGI and load balancers end idle connections without a word; one that is old is not trusted.
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(5),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = AnswerMax,
        };
        _repeatable = Pipeline(changes: false);
        _changing = Pipeline(changes: true);
    }

    /// <param name="about">Service, method and path, for logs and faults.</param>
    /// <param name="make">A new request for each attempt.</param>
    /// <param name="changes">Carrying it out twice is not the same as once.</param>
    /// <returns>The last answer, also one that is a refusal.</returns>
    /// <exception cref="CloudException">Unreachable, CertificateRefused or Timeout: no answer.</exception>
    public async Task<CloudAnswer> SendAsync(string about, Func<HttpRequestMessage> make, bool changes,
        CancellationToken ct) =>
        await (changes ? _changing : _repeatable).ExecuteAsync(
            async token => await AttemptAsync(about, make, changes, token), ct);

    public void Dispose() => _http.Dispose();

    private async Task<CloudAnswer> AttemptAsync(string about, Func<HttpRequestMessage> make, bool changes,
        CancellationToken ct)
    {
        using var request = make();
        // Services write it into their logs beside their own, and hand it on to each other.
        var ours = $"req-{Guid.NewGuid()}";
        request.Headers.Add(RequestIdHeader, ours);
        // ct: whoever asked gives up. The limit of the attempt: the service did not answer, which is a failure.
        using var limit = new CancellationTokenSource(_options.AttemptLimit, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        var start = _time.GetTimestamp();
        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseContentRead, either.Token);
            var answer = new CloudAnswer(about, (int)response.StatusCode,
                await response.Content.ReadAsByteArrayAsync(either.Token), First(response.Headers, RequestIdHeader),
                First(response.Headers, "X-Subject-Token"), RetryAfter(response.Headers.RetryAfter));
            LogAnswered(about, answer.Status, _time.GetElapsedTime(start).TotalMilliseconds,
                answer.RequestId ?? "-", ours);
            return answer;
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new CloudException(CloudFault.Timeout,
                $"{about}: no answer within {_options.AttemptLimit.TotalSeconds:0} s (our request {ours})", e)
            {
                MaybeDone = changes,
            };
        }
        catch (HttpRequestException e)
        {
            throw NoAnswer(about, ours, e, changes);
        }
    }

    private static CloudException NoAnswer(string about, string ours, HttpRequestException e, bool changes)
    {
        var neverSent = e.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError
            or HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError;
        var fault = e.HttpRequestError is HttpRequestError.SecureConnectionError ? CloudFault.CertificateRefused
            : CloudFault.Unreachable;
        return new CloudException(fault, $"{about}: {e.InnerException?.Message ?? e.Message} (our request {ours})", e)
        {
            MaybeDone = changes && !neverSent,
        };
    }

    private ResiliencePipeline<CloudAnswer> Pipeline(bool changes) =>
        new ResiliencePipelineBuilder<CloudAnswer> { TimeProvider = _time }
            .AddRetry(new RetryStrategyOptions<CloudAnswer>
            {
                MaxRetryAttempts = _options.RepeatsMax,
                BackoffType = DelayBackoffType.Exponential,
                Delay = _options.FirstPause,
                MaxDelay = _options.PauseMax,
                UseJitter = true,
                ShouldHandle = args => ValueTask.FromResult(args.Outcome switch
                {
                    { Exception: CloudException e } => e.WorthRetrying && !e.MaybeDone,
                    { Result: { } answer } => WorthRepeating(answer, changes),
                    _ => false,
                }),
                DelayGenerator = args => ValueTask.FromResult(args.Outcome.Result?.RetryAfter is { } pause
                    && pause > TimeSpan.Zero ? (TimeSpan?)pause : null),
                OnRetry = args =>
                {
                    LogRepeated(args.Outcome.Exception?.Message
                        ?? $"{args.Outcome.Result!.About}: HTTP {args.Outcome.Result.Status}",
                        args.AttemptNumber + 1, args.RetryDelay.TotalSeconds);
                    return ValueTask.CompletedTask;
                },
            })
            .Build();

    private bool WorthRepeating(CloudAnswer answer, bool changes)
    {
        if (answer.RetryAfter > _options.PauseMax) return false;
        return answer.Status switch
        {
            // Not carried out, by its own word.
            429 => true,
            413 => answer.RetryAfter > TimeSpan.Zero,
            503 => !changes || answer.RetryAfter is not null,
            500 or 502 or 504 or 408 => !changes,
            _ => false,
        };
    }

    private TimeSpan? RetryAfter(RetryConditionHeaderValue? header)
    {
        if (header?.Delta is { } seconds) return seconds;
        if (header?.Date is not { } date) return null;
        var wait = date - _time.GetUtcNow();
        return wait > TimeSpan.Zero ? wait : TimeSpan.Zero;
    }

    private static string? First(HttpResponseHeaders headers, string name) =>
        headers.TryGetValues(name, out var values) ? values.FirstOrDefault() : null;

    private static SslClientAuthenticationOptions Tls(CloudSettings cloud)
    {
        var options = new SslClientAuthenticationOptions();
        try
        {
            if (cloud.CaFile is not null)
            {
                options.CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    RevocationMode = X509RevocationMode.NoCheck,
                };
                options.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile(cloud.CaFile);
            }
            if (cloud.CertificateFile is not null)
                options.ClientCertificates =
                    [X509Certificate2.CreateFromPemFile(cloud.CertificateFile, cloud.KeyFile)];
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new SiteException(SiteFault.Refused, $"{cloud}: its certificate files cannot be read: {e.Message}",
                e);
        }
        // `verify: false` is the operator's own word, as openstacksdk takes it.
        if (!cloud.Verify) options.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        return options;
    }

    [LoggerMessage(EventIds.CloudAnswered, LogLevel.Debug,
        "{About}: HTTP {Status} after {Milliseconds:0} ms, request {RequestId} (ours {OurRequestId})")]
    private partial void LogAnswered(string about, int status, double milliseconds, string requestId,
        string ourRequestId);

    [LoggerMessage(EventIds.CloudRequestRepeated, LogLevel.Information,
        "{What}: repeat {Attempt} after {Pause:0.0} s")]
    private partial void LogRepeated(string what, int attempt, double pause);
}
