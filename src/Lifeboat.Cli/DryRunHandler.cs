// SPDX-License-Identifier: Apache-2.0
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;

namespace Lifeboat.Cli;

/// <summary>
/// Has the controller try what would change something, and ends the command with what it answers: of several changes
/// the first, for what follows depends on it. What only reads goes on as ever.
/// </summary>
internal sealed class DryRunHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    /// <exception cref="DryRunEndException">The change was tried.</exception>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request,
        CancellationToken cancellationToken)
    {
        if (request.Method == HttpMethod.Get) return await base.SendAsync(request, cancellationToken);
        var url = request.RequestUri!.ToString();
        // A controller that does not know it refuses the parameter, and changes nothing either.
        request.RequestUri = new Uri($"{url}{(url.Contains('?') ? '&' : '?')}{DryRunAnswer.Parameter}=true");
        var body = request.Content is null ? null
            : await request.Content.ReadAsStringAsync(cancellationToken);
        var answer = await base.SendAsync(request, cancellationToken);
        if (!answer.IsSuccessStatusCode || !answer.Headers.Contains(DryRunAnswer.Header)) return answer;
        using (answer)
            throw new DryRunEndException(await answer.Content.ReadFromJsonAsync<DryRunAnswer>(ContractJson.Answers,
                cancellationToken) ?? throw new ProblemException(ReasonCode.Unexpected, "the answer is empty"), body);
    }
}

/// <summary>A command has come to what would change something, and was only to be tried.</summary>
/// <param name="body">What would be sent, JSON; null: nothing.</param>
internal sealed class DryRunEndException(DryRunAnswer answer, string? body) : Exception("only tried; nothing was done")
{
    private static readonly string[] Secrets = ["password", "present", "secret", "token"];

    public DryRunAnswer Answer => answer;

    /// <summary>What would be sent, without what is secret and what is not given.</summary>
    public JsonObject? Body { get; } = Shown(body);

    private static JsonObject? Shown(string? body)
    {
        if (body is null || JsonNode.Parse(body) is not JsonObject sent) return null;
        foreach (var name in sent.Where(m => m.Value is null).Select(m => m.Key).ToList()) sent.Remove(name);
        foreach (var name in Secrets.Where(sent.ContainsKey)) sent[name] = "(not shown)";
        return sent;
    }
}
