// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Lifeboat.Tests.Controller.Alerts;

/// <summary>An HTTP server that somebody could have for alerts.</summary>
internal sealed class HookServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private HookServer(WebApplication app) => _app = app;

    /// <summary>What it answers next; then 200.</summary>
    public ConcurrentQueue<int> Answers { get; } = [];
    public ConcurrentQueue<(string Signature, string Delivery, string Body)> Got { get; } = [];
    public string Url => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!
        .Addresses.Single() + "/hook";

    public static async Task<HookServer> StartAsync(CancellationToken ct)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        var server = new HookServer(builder.Build());
        server._app.Run(server.TakeAsync);
        await server._app.StartAsync(ct);
        return server;
    }

    private async Task TakeAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        Got.Enqueue(($"{context.Request.Headers["Lifeboat-Signature"]}",
            $"{context.Request.Headers["Lifeboat-Delivery"]}", await reader.ReadToEndAsync()));
        context.Response.StatusCode = Answers.TryDequeue(out var answer) ? answer : 200;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
