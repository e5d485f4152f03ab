// SPDX-License-Identifier: Apache-2.0
using System.Net.Http.Json;
using Lifeboat.Protection;

namespace Lifeboat.Contracts.Api;

public sealed partial class ControllerClient
{
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
        using var request = new HttpRequestMessage(method, path);
        RequestTrace.AddTo(request);
        if (body is not null) request.Content = JsonContent.Create(body, body.GetType(), options: ContractJson.Options);
        try
        {
            return await ProblemAnswer.ThrowIfRefusedAsync(await _http.SendAsync(request, until, ct), "controller", ct);
        }
        catch (HttpRequestException e)
        {
            throw new ProblemException(ReasonCode.ControllerUnreachable, "the controller does not answer",
                $"{_where}: {e.InnerException?.Message ?? e.Message}", cause: e);
        }
    }

    private static string Escape(string part) => Uri.EscapeDataString(part);
}
