// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Controller.Alerts;

/// <summary>
/// POST of the message as JSON. `Lifeboat-Signature: t=SECONDS,v1=HEX` is the HMAC-SHA-256, under the target's secret,
/// of `SECONDS.BODY`; `Lifeboat-Delivery` is the same at every attempt.
/// </summary>
internal sealed class WebhookSender(TimeProvider time) : IAlertSender, IDisposable
{
    public const string SignatureHeader = "Lifeboat-Signature";
    public const string DeliveryHeader = "Lifeboat-Delivery";

    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
        ConnectTimeout = TimeSpan.FromSeconds(5),
    })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    public AlertTargetKind Kind => AlertTargetKind.Webhook;

    public static string Sign(string secret, long seconds, string body) => Convert.ToHexStringLower(
        HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(
            string.Create(CultureInfo.InvariantCulture, $"{seconds}.{body}"))));

    public async Task SendAsync(AlertTargetRequest target, string? secret, AlertMessage message, CancellationToken ct)
    {
        var body = message.Json();
        var seconds = time.GetUtcNow().ToUnixTimeSeconds();
        using var request = new HttpRequestMessage(HttpMethod.Post, target.Url);
        request.Content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        request.Headers.Add(DeliveryHeader, $"{message.Delivery}");
        request.Headers.Add(SignatureHeader, string.Create(CultureInfo.InvariantCulture,
            $"t={seconds},v1={Sign(secret ?? "", seconds, body)}"));
        try
        {
            using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
            if (!answer.IsSuccessStatusCode)
                throw new DeliveryException($"it answered {(int)answer.StatusCode}", MayPass(answer.StatusCode));
        }
        catch (HttpRequestException e)
        {
            throw new DeliveryException(e.InnerException?.Message ?? e.Message, worthRetrying: true, e);
        }
    }

    public void Dispose() => _http.Dispose();

    // Somebody may yet correct what answers 401 or 404; but not within seconds.
    private static bool MayPass(HttpStatusCode status) =>
        (int)status >= 500 || status is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout;
}
