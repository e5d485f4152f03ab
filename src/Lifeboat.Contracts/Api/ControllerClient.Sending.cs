// SPDX-License-Identifier: Apache-2.0
using System.Net.Http.Json;
using Lifeboat.Protection;

namespace Lifeboat.Contracts.Api;

public sealed partial class ControllerClient
{
    private static readonly TimeSpan RetryEvery = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// How long a change is said again whose answer was lost because the controller ended over it. It carries an
    /// idempotency key, so what was done is not done twice.
    /// </summary>
    public TimeSpan RetryFor { get; init; } = TimeSpan.FromSeconds(30);

    private async Task<T> AskAsync<T>(HttpMethod method, string path, object? body, CancellationToken ct)
    {
        using var answer = await SendAsync(method, path, body, HttpCompletionOption.ResponseContentRead, ct);
        return await answer.Content.ReadFromJsonAsync<T>(ContractJson.Answers, ct)
            ?? throw new ProblemException(ReasonCode.Unexpected, $"the controller answered {method} {path} with null");
    }

    private async Task TellAsync(HttpMethod method, string path, object? body, CancellationToken ct)
    {
        using var answer = await SendAsync(method, path, body, HttpCompletionOption.ResponseContentRead, ct);
    }

    private async Task<string> TextAsync(string path, CancellationToken ct)
    {
        using var answer = await SendAsync(HttpMethod.Get, path, null, HttpCompletionOption.ResponseContentRead, ct);
        return await answer.Content.ReadAsStringAsync(ct);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, object? body,
        HttpCompletionOption until, CancellationToken ct)
    {
        var key = method == HttpMethod.Get ? null : Guid.NewGuid().ToString("N");
        long? lost = null;
        while (true)
        {
            try
            {
                return await SendOnceAsync(method, path, body, key, until, ct);
            }
            // The controller had the request when it ended; while it is not back it cannot be connected to.
            catch (HttpRequestException e) when (key is not null && IsWithin(lost)
                && (e.HttpRequestError is HttpRequestError.ResponseEnded || lost is not null))
            {
                lost ??= TimeProvider.System.GetTimestamp();
            }
            // What it was doing for us is given up after some seconds without a sign of life.
            catch (ProblemException e) when (lost is not null && IsWithin(lost)
                && e.Reason is ReasonCode.RequestUnderWay)
            {
            }
            catch (HttpRequestException e)
            {
                throw new ProblemException(ReasonCode.ControllerUnreachable, "the controller does not answer",
                    $"{_where}: {e.InnerException?.Message ?? e.Message}", cause: e);
            }
            await Task.Delay(RetryEvery, ct);
        }
    }

    private bool IsWithin(long? lost) =>
        lost is not { } since || TimeProvider.System.GetElapsedTime(since) < RetryFor;

    private async Task<HttpResponseMessage> SendOnceAsync(HttpMethod method, string path, object? body, string? key,
        HttpCompletionOption until, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, path);
        RequestTrace.AddTo(request);
        if (key is not null) request.Headers.Add(RequestKey.Header, key);
        if (body is not null) request.Content = JsonContent.Create(body, body.GetType(), options: ContractJson.Options);
        return await ProblemAnswer.ThrowIfRefusedAsync(await _http.SendAsync(request, until, ct), "controller", ct);
    }

    private static string Escape(string part) => Uri.EscapeDataString(part);
}
