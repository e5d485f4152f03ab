// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Security;
using System.Text;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.Extensions.DependencyInjection;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>A site's API over TLS, as somebody with a token reaches it.</summary>
internal sealed class TokenHttp(TestSite site) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = (_, _, _, _) => true },
        Expect100ContinueTimeout = TimeSpan.FromSeconds(20),
    })
    {
        BaseAddress = new Uri(site.Url),
    };

    /// <summary>A user with these rights, and a token of theirs.</summary>
    /// <param name="tenant">Null: of the site.</param>
    public async Task<string> UserAsync(string name, string? tenant, params Right[] rights)
    {
        var store = site.Services.GetRequiredService<UserStore>();
        store.TryAdd(new StoredUser(tenant ?? "", name, [], rights, [], TimeProvider.System.GetUtcNow()), null);
        await Task.CompletedTask;
        return site.Services.GetRequiredService<ApiTokens>()
            .Make(store.Find(tenant ?? "", name)!, new CreateApiTokenRequest(), "test").Token;
    }

    public Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string? token, string? json = null) =>
        SendAsync(method, path, token,
            json is null ? null : new StringContent(json, Encoding.UTF8, "application/json"));

    /// <param name="prefer">`Prefer`; null: nothing in particular.</param>
    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string? token,
        HttpContent? content, string? prefer = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        // So that a body that is not wanted is not sent into a connection that is being closed.
        request.Headers.ExpectContinue = content is not null;
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (prefer is not null) request.Headers.Add("Prefer", prefer);
        return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Ct);
    }

    public async Task<T> AskAsync<T>(HttpMethod method, string path, string? token, object? body = null)
    {
        using var answer = await SendAsync(method, path, token,
            body is null ? null : JsonContent.Create(body, body.GetType(), options: ContractJson.Options));
        Assert.True(answer.IsSuccessStatusCode, $"{method} {path}: {await answer.Content.ReadAsStringAsync(Ct)}");
        return typeof(T) == typeof(string) ? (T)(object)await answer.Content.ReadAsStringAsync(Ct)
            : (await answer.Content.ReadFromJsonAsync<T>(ContractJson.Options, Ct))!;
    }

    public async Task RefusedAsync(HttpStatusCode status, ReasonCode reason, HttpMethod method, string path,
        string? token, object? body = null)
    {
        using var answer = await SendAsync(method, path, token,
            body is null ? null : JsonContent.Create(body, body.GetType(), options: ContractJson.Options));
        var text = await answer.Content.ReadAsStringAsync(Ct);
        Assert.True(answer.StatusCode == status && text.Contains($"\"{Kebab(reason)}\"", StringComparison.Ordinal),
            $"{method} {path}: {(int)answer.StatusCode} {text} instead of {(int)status} {reason}");
    }

    public static string Kebab(ReasonCode reason) =>
        System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(reason.ToString());

    public void Dispose() => _http.Dispose();
}
