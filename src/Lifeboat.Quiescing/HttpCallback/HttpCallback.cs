// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Quiescing.HttpCallback;

/// <summary>
/// An application's own service that is told to come to rest and to go on: one POST each, signed, with an identity of
/// its own. The contract is in the folder's README.
/// </summary>
[QuiesceProvider("http-callback")]
public sealed class HttpCallback(QuiesceTarget target) : IQuiesceProvider
{
    private const int AnswerMax = 16 << 10;
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public Consistency Reaches => ScriptSettings.Reaches(target);

    public IEnumerable<string> Problems() =>
        [.. target.SettingProblems(["identity"], "reaches"), .. ScriptSettings.Problems(target)];

    public async Task<QuiesceAnswer> QuiesceAsync(QuiesceCall call, CancellationToken ct) =>
        new(Reaches, await PostAsync("quiesce", call, ct) is { Length: > 0 } said ? said : "quiesced");

    public async Task<ThawAnswer> ThawAsync(QuiesceCall call, CancellationToken ct)
    {
        var said = await PostAsync("thaw", call, ct);
        var held = !said.StartsWith("not held", StringComparison.Ordinal);
        return new ThawAnswer(held, said.Length > 0 ? said : "thawed");
    }

    public Task<QuiesceState> StateAsync(CancellationToken ct) => Task.FromResult(QuiesceState.Unknown);

    private async Task<string> PostAsync(string action, QuiesceCall call, CancellationToken ct)
    {
        var identity = target.Identity<CallbackIdentity>(target.Setting("identity")!);
        if (identity.Problem() is { } problem)
            throw new QuiesceProviderException(ProviderFault.Misconfigured, problem);
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new CallbackRequest(action, call.Id, target.Instance, target.Time.GetUtcNow(), call.Deadline,
                call.Limit.TotalSeconds), Json);
        using var http = Client(identity);
        using var request = new HttpRequestMessage(HttpMethod.Post, identity.Url);
        request.Content = new ByteArrayContent(body);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", identity.Token);
        request.Headers.Add("X-Lifeboat-Signature",
            "sha256=" + Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(identity.Secret), body)));
        try
        {
            using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
            var said = await TextAsync(answer, ct);
            return answer.IsSuccessStatusCode ? said : throw new QuiesceProviderException(ProviderFault.Refused,
                $"{action} was answered {(int)answer.StatusCode}: {said}");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new QuiesceProviderException(ProviderFault.Unreachable,
                $"{identity.Url}: {e.InnerException?.Message ?? e.Message}", e);
        }
    }

    // Redirects are not followed: they would take the token to somebody else.
    private static HttpClient Client(CallbackIdentity identity)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false, UseCookies = false, UseProxy = false, MaxResponseHeadersLength = 16,
        };
        if (identity.CaFile is { } file)
        {
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                CustomTrustStore = { Ca(file) },
            };
        }
        return new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
    }

    private static X509Certificate2 Ca(string file)
    {
        try
        {
            return X509CertificateLoader.LoadCertificateFromFile(file);
        }
        catch (Exception e) when (e is CryptographicException or IOException)
        {
            throw new QuiesceProviderException(ProviderFault.Misconfigured, $"caFile {file}: {e.Message}", e);
        }
    }

    private static async Task<string> TextAsync(HttpResponseMessage answer, CancellationToken ct)
    {
        if (answer.StatusCode == HttpStatusCode.NoContent) return "";
        await using var stream = await answer.Content.ReadAsStreamAsync(ct);
        var buffer = new byte[AnswerMax];
        var length = await stream.ReadAtLeastAsync(buffer, AnswerMax, throwOnEndOfStream: false, ct);
        return Encoding.UTF8.GetString(buffer, 0, length).Trim();
    }

    private sealed record CallbackRequest(string Action, Guid Id, string Instance, DateTimeOffset At,
        DateTimeOffset Deadline, double LimitSeconds);
}

/// <summary>Whom to call, and as whom; the operator's file `quiesce/INSTANCE/NAME.json`.</summary>
/// <param name="Url">http or https.</param>
/// <param name="Token">Sent as a bearer token: says who calls.</param>
/// <param name="Secret">Key of the body's HMAC-SHA256; at least 16 characters.</param>
/// <param name="CaFile">The only CA to believe, PEM; null: those of the system.</param>
internal sealed record CallbackIdentity(string Url, string Token, string Secret, string? CaFile = null)
{
    public string? Problem() =>
        !Uri.TryCreate(Url, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https")
        ? $"url '{Url}' of the identity is no http or https address"
        : Secret.Length < 16 ? "secret of the identity has less than 16 characters" : null;
}
