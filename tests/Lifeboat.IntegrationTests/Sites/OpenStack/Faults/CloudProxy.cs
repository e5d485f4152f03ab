// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Lifeboat.Sites.OpenStack.Clouds;
using Lifeboat.Sites.OpenStack.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Forwarder;

namespace Lifeboat.IntegrationTests.Sites.OpenStack.Faults;

/// <summary>
/// Stands in front of all services of a real cloud, each at a port of its own, hands on what it is asked, and lets go
/// wrong what rules say. Whoever's `clouds.yaml` names it (<see cref="Yaml"/>) comes by here.
/// </summary>
internal sealed class CloudProxy : IAsyncDisposable
{
    private static readonly CloudApi[] Services =
        [CloudApi.Identity, CloudApi.Compute, CloudApi.BlockStorage, CloudApi.Network, CloudApi.Image,
         CloudApi.Placement];

    private readonly ConcurrentDictionary<CloudApi, Door> _doors = [];
    private readonly ConcurrentDictionary<string, bool> _revoked = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<CloudCall> _calls = [];
    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseProxy = false,
        // As the product does: these services end idle connections without a word.
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(2),
    });
    private IReadOnlyList<CloudFaultInForce> _rules = [];

    /// <summary>All that was asked, in order.</summary>
    public IReadOnlyList<CloudCall> Calls => [.. _calls];
    public Uri Keystone => new($"http://127.0.0.1:{_doors[CloudApi.Identity].Port}");
    private Uri RealKeystone => _doors[CloudApi.Identity].Real;

    public static async Task<CloudProxy> StartAsync(CloudSettings real, CloudSession session, CancellationToken ct)
    {
        var catalog = (await session.TokenAsync(ct)).Catalog;
        var proxy = new CloudProxy();
        foreach (var service in Services)
        {
            var at = service == CloudApi.Identity ? real.AuthUrl : catalog.Endpoint(service, real);
            proxy._doors[service] = new Door(service, at);
            await proxy.OpenAsync(service, ct);
        }
        return proxy;
    }

    /// <summary>`clouds.yaml` of a user who comes by here.</summary>
    public string Yaml(string cloud, string? region, string user, string password, string project) =>
        $"""
        clouds:
          {cloud}:
            region_name: {region}
            auth:
              auth_url: {Keystone}v3
              username: {user}
              password: {password}
              project_name: {project}
              user_domain_name: Default
              project_domain_name: Default
            compute_endpoint_override: {Endpoint(CloudApi.Compute)}
            block_storage_endpoint_override: {Endpoint(CloudApi.BlockStorage)}
            network_endpoint_override: {Endpoint(CloudApi.Network)}
            image_endpoint_override: {Endpoint(CloudApi.Image)}
            placement_endpoint_override: {Endpoint(CloudApi.Placement)}

        """;

    public CloudFaultInForce Inject(CloudFaultRule rule)
    {
        var inForce = new CloudFaultInForce(rule);
        _rules = [.. _rules, inForce];
        return inForce;
    }

    /// <summary>Nothing goes wrong any more; doors that are closed stay so.</summary>
    public void Clear() => _rules = [];

    /// <summary>From now on connections to the service are refused.</summary>
    public async Task CloseAsync(CloudApi service)
    {
        if (_doors[service].App is not { } app) return;
        _doors[service].App = null;
        await app.StopAsync(CancellationToken.None);
        await app.DisposeAsync();
    }

    public async Task OpenAsync(CloudApi service, CancellationToken ct)
    {
        var door = _doors[service];
        if (door.App is not null) return;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, door.Port));
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromMilliseconds(100));
        builder.Services.AddHttpForwarder();
        var app = builder.Build();
        var forwarder = app.Services.GetRequiredService<IHttpForwarder>();
        app.Run(context => PassAsync(door, forwarder, context));
        await app.StartAsync(ct);
        door.Port = new Uri(app.Urls.First()).Port;
        door.App = app;
    }

    /// <summary>Closed for so long, from now on; returns at once.</summary>
    public void CloseFor(CloudApi service, TimeSpan time) => _ = Task.Run(async () =>
    {
        await CloseAsync(service);
        await Task.Delay(time);
        await OpenAsync(service, CancellationToken.None);
    });

    /// <summary>
    /// Takes a token back for real, at Keystone. Services keep what Keystone said of it for minutes; here it is refused
    /// at once, as by services that do not.
    /// </summary>
    public async Task RevokeAsync(string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, new Uri(RealKeystone, "/v3/auth/tokens"));
        request.Headers.Add("X-Auth-Token", token);
        request.Headers.Add("X-Subject-Token", token);
        using var answer = await _http.SendAsync(request, CancellationToken.None);
        // It may have ended before, with its user.
        Assert.True(answer.StatusCode is HttpStatusCode.NoContent or HttpStatusCode.Unauthorized,
            $"Keystone does not revoke it: {answer.StatusCode}");
        _revoked[token] = true;
    }

    /// <summary>The newest token that was seen, as <see cref="RevokeAsync"/>.</summary>
    public Task RevokeNewestAsync() =>
        _calls.LastOrDefault(c => c.Token.Length > 0 && !_revoked.ContainsKey(c.Token)) is { } newest
            ? RevokeAsync(newest.Token) : Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var service in Services)
            if (_doors.ContainsKey(service)) await CloseAsync(service);
        _http.Dispose();
    }

    private Uri Endpoint(CloudApi service) => new($"http://127.0.0.1:{_doors[service].Port}"
        + _doors[service].Real.PathAndQuery);

    private async Task PassAsync(Door door, IHttpForwarder forwarder, HttpContext context)
    {
        var request = context.Request;
        var call = new CloudCall(door.Service, request.Method, $"{request.Path}{request.QueryString}",
            request.Headers["X-Auth-Token"].ToString());
        _calls.Enqueue(call);
        var rule = _rules.FirstOrDefault(r => r.TryTake(call))?.Rule;
        if (rule is { Reaches: false })
        {
            await HappenAsync(rule, call);
            await AnswerAsync(rule, context);
            return;
        }
        if (_revoked.ContainsKey(call.Token))
        {
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }
        if (rule?.Ask is { } change) await ChangeAsync(request, change);
        await forwarder.SendAsync(context, door.Real.GetLeftPart(UriPartial.Authority), _http,
            ForwarderRequestConfig.Empty, new Way(rule, call));
    }

    private static async Task HappenAsync(CloudFaultRule rule, CloudCall call)
    {
        if (rule.Meanwhile is { } happens) await happens(call);
        if (rule.Late > TimeSpan.Zero) await Task.Delay(rule.Late);
    }

    /// <returns>False: the rule leaves the service's own answer as it is.</returns>
    private static async Task<bool> AnswerAsync(CloudFaultRule rule, HttpContext context)
    {
        if (rule.Cut)
        {
            context.Abort();
            return true;
        }
        if (rule.Status is not { } status) return false;
        context.Response.StatusCode = (int)status;
        if (rule.RetryAfter is { } pause)
            context.Response.Headers.RetryAfter = ((int)pause.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        await context.Response.WriteAsJsonAsync(new { error = new { code = (int)status, message = "injected" } });
        return true;
    }

    private static async Task ChangeAsync(HttpRequest request, Action<JsonNode> change)
    {
        var body = (await JsonNode.ParseAsync(request.Body))!;
        change(body);
        var bytes = System.Text.Encoding.UTF8.GetBytes(body.ToJsonString());
        request.Body = new MemoryStream(bytes);
        request.ContentLength = bytes.Length;
    }

    private sealed class Door(CloudApi service, Uri real)
    {
        public CloudApi Service => service;
        public Uri Real => real;
        public int Port { get; set; }
        public WebApplication? App { get; set; }
    }

    /// <summary>One request's way to the service and back.</summary>
    private sealed class Way(CloudFaultRule? rule, CloudCall call) : HttpTransformer
    {
        public override async ValueTask TransformRequestAsync(HttpContext context, HttpRequestMessage onwards,
            string destination, CancellationToken cancellationToken)
        {
            await base.TransformRequestAsync(context, onwards, destination, cancellationToken);
            onwards.Headers.Host = null;
        }

        public override async ValueTask<bool> TransformResponseAsync(HttpContext context, HttpResponseMessage? back,
            CancellationToken cancellationToken)
        {
            if (rule is null || back is null) return await base.TransformResponseAsync(context, back, cancellationToken);
            await HappenAsync(rule, call);
            if (await AnswerAsync(rule, context)) return false;
            await base.TransformResponseAsync(context, back, cancellationToken);
            if (rule.Answer is not { } change) return true;
            var body = (await JsonNode.ParseAsync(await back.Content.ReadAsStreamAsync(cancellationToken),
                cancellationToken: cancellationToken))!;
            change(body);
            context.Response.ContentLength = null;
            await context.Response.WriteAsync(body.ToJsonString(), cancellationToken);
            return false;
        }
    }
}
