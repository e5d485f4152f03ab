// SPDX-License-Identifier: Apache-2.0
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Tests.Controller;

/// <summary>
/// A fake Keystone: answers `GET /v3/auth/tokens` for the tokens that a test gives it, in the form of the real one
/// (Identity API v3, "Validate and show information for token").
/// </summary>
internal sealed class FakeKeystone : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Dictionary<string, string> _tokens = [];

    private FakeKeystone(WebApplication app) => _app = app;

    public string Url { get; private set; } = "";
    public List<string> Asked { get; } = [];
    public int? Fails { get; set; }

    public static async Task<FakeKeystone> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var keystone = new FakeKeystone(builder.Build());
        keystone._app.MapGet("/v3/auth/tokens", (HttpRequest request) =>
        {
            var subject = request.Headers["X-Subject-Token"].ToString();
            var by = request.Headers["X-Auth-Token"].ToString();
            keystone.Asked.Add(subject);
            if (keystone.Fails is { } status) return Results.StatusCode(status);
            // Who validates has to be somebody: here, as by the policy token_subject, the token itself.
            if (!keystone._tokens.ContainsKey(by)) return Error(401);
            return keystone._tokens.TryGetValue(subject, out var body) && subject == by
                ? Results.Text(body, "application/json") : Error(404);
        });
        await keystone._app.StartAsync(TestContext.Current.CancellationToken);
        keystone.Url = keystone._app.Services.GetRequiredService<IServer>().Features
            .GetRequiredFeature<IServerAddressesFeature>().Addresses.First();
        return keystone;
    }

    /// <param name="scope">JSON members that say what it is scoped to.</param>
    public string Issue(string name, string scope, string roles, TimeSpan life)
    {
        var token = "gAAAAAB" + Guid.NewGuid().ToString("n");
        var expires = TimeProvider.System.GetUtcNow() + life;
        var list = string.Join(", ", roles.Split(' ').Select(r => $$"""{"id": "{{r}}-id", "name": "{{r}}"}"""));
        _tokens[token] = $$"""
            {"token": {"audit_ids": ["3T2dc1CGQxyJsHdDu1xkcw"], "methods": ["password"],
              "expires_at": "{{expires.UtcDateTime:yyyy-MM-ddTHH:mm:ss.ffffffZ}}",
              "issued_at": "2026-01-01T00:00:00.000000Z", "is_domain": false,
              "user": {"domain": {"id": "default", "name": "Default"}, "id": "10a2e6e717a245d9acad3e5f97aeca3d",
                "name": "{{name}}", "password_expires_at": null},
              "roles": [{{list}}],
              {{scope}}
              }
            }
            """;
        return token;
    }

    private static IResult Error(int code) => Results.Json(new { error = new { code } }, statusCode: code);

    public void Revoke(string token) => _tokens.Remove(token);

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
