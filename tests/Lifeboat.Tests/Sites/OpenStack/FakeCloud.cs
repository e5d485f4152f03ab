// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Sites.OpenStack.Clouds;
using Lifeboat.Sites.OpenStack.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Sites.OpenStack;

/// <summary>
/// A fake cloud for faults that real services do not make on demand: a script of answers over real HTTP. It knows
/// nothing of OpenStack but the forms of Keystone's token and of version documents.
/// </summary>
internal sealed class FakeCloud : IAsyncDisposable
{
    public const string Project = "4f1a2c0d9b7e4f0e8f0e6c1d2b3a4f5e";
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, Queue<RequestDelegate>> _script = new();
    private int _tokens;

    private FakeCloud(WebApplication app) => _app = app;

    public string Url { get; private set; } = "";
    /// <summary>How long tokens hold.</summary>
    public TimeSpan Life { get; set; } = TimeSpan.FromHours(1);
    public TimeProvider Time { get; set; } = TimeProvider.System;
    public ConcurrentQueue<FakeRequest> Requests { get; } = new();

    public static async Task<FakeCloud> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var cloud = new FakeCloud(builder.Build());
        cloud._app.Run(cloud.AnswerAsync);
        await cloud._app.StartAsync(TestContext.Current.CancellationToken);
        cloud.Url = cloud._app.Services.GetRequiredService<IServer>().Features
            .GetRequiredFeature<IServerAddressesFeature>().Addresses.First();
        cloud.On("POST /v3/auth/tokens", cloud.IssueAsync);
        cloud.On("GET /compute/v2.1/", Json("""
            {"version": {"id": "v2.1", "status": "CURRENT", "version": "2.93", "min_version": "2.1", "links": []}}
            """));
        cloud.On("GET /volume/v3/", Json("""
            {"versions": [{"id": "v3.0", "status": "CURRENT", "version": "3.70", "min_version": "3.0", "links": []}]}
            """, 300));
        return cloud;
    }

    /// <summary>Answers one after the other; the last one for ever.</summary>
    /// <param name="what">Method and path, without query.</param>
    public void On(string what, params RequestDelegate[] answers) =>
        _script[what] = new Queue<RequestDelegate>(answers);

    public static RequestDelegate Json(string body, int status = 200, params (string Name, string Value)[] headers) =>
        context =>
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = "application/json";
            context.Response.Headers["x-openstack-request-id"] = "req-of-the-cloud";
            foreach (var (name, value) in headers) context.Response.Headers[name] = value;
            return context.Response.WriteAsync(body);
        };

    /// <summary>The connection ends without an answer, as behind uWSGI.</summary>
    public static Task ResetAsync(HttpContext context)
    {
        context.Abort();
        return Task.CompletedTask;
    }

    public IEnumerable<FakeRequest> Asked(string what) => Requests.Where(r => r.What == what);

    public CloudSettings Settings => new()
    {
        Name = "fake",
        AuthUrl = new Uri(Url),
        Auth = CloudAuth.ApplicationCredential,
        Credential = new ApplicationCredential("credential-1", null, null, "very secret"),
    };

    public CloudSession Session(CloudHttpOptions? options = null, CloudSettings? service = null) =>
        new(Settings, service, options ?? Quick, Time, NullLoggerFactory.Instance);

    public static CloudHttpOptions Quick => new()
    {
        AttemptLimit = TimeSpan.FromSeconds(10),
        FirstPause = TimeSpan.FromMilliseconds(1),
        RepeatsMax = 3,
        PauseMax = TimeSpan.FromSeconds(2),
    };

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private Task AnswerAsync(HttpContext context)
    {
        var request = new FakeRequest($"{context.Request.Method} {context.Request.Path}",
            context.Request.QueryString.Value ?? "",
            context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(),
                StringComparer.OrdinalIgnoreCase));
        Requests.Enqueue(request);
        if (!_script.TryGetValue(request.What, out var answers))
        {
            context.Response.StatusCode = 404;
            return context.Response.WriteAsync("""{"itemNotFound": {"code": 404, "message": "not in the script"}}""");
        }
        RequestDelegate answer;
        lock (answers) answer = answers.Count > 1 ? answers.Dequeue() : answers.Peek();
        return answer(context);
    }

    private Task IssueAsync(HttpContext context)
    {
        var number = Interlocked.Increment(ref _tokens);
        var ends = Time.GetUtcNow() + Life;
        return Json($$$"""
            {"token": {"methods": ["application_credential"],
              "expires_at": "{{{ends.UtcDateTime:yyyy-MM-ddTHH:mm:ss.ffffffZ}}}",
              "user": {"id": "u1", "name": "demo", "domain": {"id": "default", "name": "Default"}},
              "project": {"id": "{{{Project}}}", "name": "shop", "domain": {"id": "default", "name": "Default"}},
              "roles": [{"id": "r1", "name": "member"}],
              "catalog": [
                {"type": "compute", "name": "nova", "endpoints": [{"id": "e1", "interface": "public",
                  "region": "one", "region_id": "one", "url": "{{{Url}}}/compute/v2.1"}]},
                {"type": "volumev3", "name": "cinder", "endpoints": [{"id": "e2", "interface": "public",
                  "region": "one", "region_id": "one", "url": "{{{Url}}}/volume/v3/{{{Project}}}"}]},
                {"type": "network", "name": "neutron", "endpoints": [{"id": "e3", "interface": "public",
                  "region": "one", "region_id": "one", "url": "{{{Url}}}/network"}]},
                {"type": "identity", "name": "keystone", "endpoints": [{"id": "e4", "interface": "public",
                  "region": "one", "region_id": "one", "url": "{{{Url}}}"}]}]}}
            """, 201, ("X-Subject-Token", $"token-{number}"))(context);
    }
}

/// <param name="What">Method and path.</param>
internal sealed record FakeRequest(string What, string Query, IReadOnlyDictionary<string, string> Headers)
{
    public string? Token => Headers.GetValueOrDefault("X-Auth-Token");
}
