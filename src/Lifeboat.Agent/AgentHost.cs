// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Lifeboat.Agent.Api;
using Lifeboat.Agent.Capture;
using Lifeboat.Agent.Capture.Gateway;
using Lifeboat.Agent.Heartbeats;
using Lifeboat.Agent.Linking;
using Lifeboat.Agent.Processes;
using Lifeboat.Agent.Quiesce;
using Lifeboat.Agent.Replicas;
using Lifeboat.Agent.Sources;
using Lifeboat.Agent.Watchdog;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Metrics;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent;

/// <summary>The agent process of a site: the data path.</summary>
public static partial class AgentHost
{
    private static readonly TimeSpan PredecessorLimit = TimeSpan.FromSeconds(10);

    /// <summary>Runs until cancelled. Then the guests are let go; their change maps go on recording.</summary>
    /// <exception cref="ProblemException">Not a site directory, or an agent of the site runs already.</exception>
    public static async Task RunAsync(string siteDirectory, CancellationToken ct)
    {
        Launcher.ForgetArenas();
        var site = SiteConfiguration.Read(siteDirectory);
        var paths = new SitePaths(Path.GetFullPath(siteDirectory));
        var time = TimeProvider.System;
        using var traces = Tracing.Start(site, "agent", AgentApi.Version);
        using var logs = AgentLog.Create(site.LogFormat);
        using var pid = await PidFile.TakeAsync(paths, SiteRole.Agent, PredecessorLimit, time, ct)
            ?? throw new ProblemException(ReasonCode.Conflict,
                $"site {site.Name} has an agent at host {site.Host} running already");
        Directory.CreateDirectory(paths.Views);
        Directory.CreateDirectory(paths.QuiesceProviders,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using var page = HeartbeatPage.Open(paths.Heartbeat);
        // Whatever a dead predecessor has frozen is thawed by now or as soon as its guest answers.
        var left = page.Freezes();
        var live = new LiveMetrics();
        var holds = new HoldMeter(live, time);
        await using var gateway = CaptureGateway.Listen(Path.Combine(paths.Run, "capture.sock"), time, holds);
        using var heartbeat = new Heartbeat(page, gateway.OldestUnanswered);
        using var monitors = new QemuMonitors(paths.Run, time);
        using var links = new LinkBudgets(paths, time);
        await links.RestoreAsync(ct);
        var parts = new AgentParts(paths, gateway, monitors, new TlsLink(paths, time), page, time, logs, links);
        await using var sources = new SourceRoster(parts);
        await using var replicas = new ReplicaRoster(parts);
        await replicas.RestoreAsync(ct);
        await using var listener = LinkListener.Listen(IPEndPoint.Parse(site.LinkListen), paths,
            replicas.ServeAsync, time, logs.CreateLogger<LinkListener>());
        await sources.RestoreAsync(ct);
        var started = time.GetUtcNow();
        var cuts = new SharedCuts(sources, time, logs.CreateLogger<SharedCuts>());
        using var cutLines = CutListener.Listen(paths.CutSocket, cuts, logs.CreateLogger<CutListener>());
        var look = new ChangeLook(monitors, time);
        var held = new HeldQuiesces(parts.Quiesces, time, logs.CreateLogger<HeldQuiesces>());
        AgentStatus Status() => new(site.Name, AgentApi.Version, Environment.ProcessId, started,
            listener.Address.ToString(), sources.Groups, replicas.Groups)
        {
            Host = site.Host,
            Holds = holds.Status(),
            Store = Room(paths.Replicas),
        };
        var metrics = new AgentMetrics(sources, replicas, links, live, Status, time);
        await using var api = await StartApiAsync(paths, site, routes =>
        {
            AgentApi.Map(routes, sources, cuts, replicas, links, new SeedChecks(time), look, held, Status);
            metrics.Map(routes);
        }, ct);
        LogStarted(logs.CreateLogger(typeof(AgentHost)), site.Name, listener.Address);
        await Task.WhenAll(
            new IdleMemory(() => holds.Count + replicas.ReceivedBytes / 4096, replicas.SpareMemoryAsync, time)
                .RunAsync(ct),
            new DeadMan(page, time, logs.CreateLogger<DeadMan>()).RunAsync(left, ct),
            new WatchdogKeeper(paths, Launcher.OfThisProcess(), time, logs.CreateLogger<WatchdogKeeper>())
                .RunAsync(ct));
        await api.StopAsync(CancellationToken.None);
    }

    private static StoreStatus? Room(string folder)
    {
        if (!Directory.Exists(folder)) return null;
        var drive = new DriveInfo(folder);
        return new StoreStatus(drive.AvailableFreeSpace, drive.TotalSize);
    }

    private static async Task<WebApplication> StartApiAsync(SitePaths paths, SiteConfiguration site,
        Action<WebApplication> map, CancellationToken ct)
    {
        // Nothing of the host's defaults: an agent is told by its site, and each part takes memory.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.Services.AddRouting();
        AgentLog.Configure(builder.Logging, site.LogFormat);
        // Its controller may be of the next release already.
        builder.Services.ConfigureHttpJsonOptions(json =>
        {
            ContractJson.Configure(json.SerializerOptions);
            ContractJson.Tolerant(json.SerializerOptions);
        });
        builder.Services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.ListenUnixSocket(paths.AgentSocket, listen => listen.Protocols = HttpProtocols.Http1);
            if (site.AgentMetricsListen is { } metrics) kestrel.Listen(IPEndPoint.Parse(metrics));
        });
        var api = builder.Build();
        api.Use(RequestIds.HandleAsync);
        api.Use(async (context, next) =>
        {
            // A unix socket has no address: file permissions say who may ask there. Whoever comes over the network may
            // read figures and nothing else.
            if (context.Connection.LocalIpAddress is not null
                && !AgentMetrics.Paths.Contains(context.Request.Path.Value ?? ""))
            {
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                return;
            }
            try
            {
                await next(context);
            }
            catch (Microsoft.AspNetCore.Http.BadHttpRequestException e)
            {
                var problem = Problems.BadRequest(e.InnerException?.Message ?? e.Message);
                await Results.Json(problem, ContractJson.Options, "application/problem+json", problem.Status)
                    .ExecuteAsync(context);
            }
        });
        map(api);
        // We hold the lock of the role: what lies there is a dead agent's.
        File.Delete(paths.AgentSocket);
        await api.StartAsync(ct);
        File.SetUnixFileMode(paths.AgentSocket, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return api;
    }

    [LoggerMessage(EventIds.AgentStarted, LogLevel.Information,
        "The agent of site {Site} is up; links are taken at {Address}")]
    private static partial void LogStarted(ILogger logger, string site, IPEndPoint address);
}
