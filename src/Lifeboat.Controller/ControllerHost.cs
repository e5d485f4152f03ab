// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Security.Authentication;
using System.Text.Json.Serialization;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Access.Rules;
using Lifeboat.Controller.Api;
using Lifeboat.Controller.Api.Description;
using Lifeboat.Controller.Api.Requests;
using Lifeboat.Controller.Identity;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Recovery;
using Lifeboat.Sites;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller;

/// <summary>The controller process of a site.</summary>
public static class ControllerHost
{
    /// <summary>Bytes of a request's body, at most.</summary>
    internal const long BodyMax = 1 << 20;

    /// <summary>Runs until the token is cancelled or the process is told to end.</summary>
    /// <param name="onListening">Called once requests are taken.</param>
    /// <exception cref="ProblemException">
    /// SiteUnknown, InvalidRequest: no site or a faulty one; Conflict: another controller of it runs.
    /// </exception>
    public static async Task RunAsync(string siteDirectory, Action onListening, CancellationToken ct)
    {
        var place = new SitePaths(Path.GetFullPath(siteDirectory));
        var configuration = SiteConfiguration.Read(place.Root);
        using var traces = Tracing.Start(configuration, "controller", SiteEndpoints.Version);
        await using var app = await StartAsync(place, configuration, OpenDriver, TimeProvider.System, ct);
        onListening();
        await app.WaitForShutdownAsync(ct);
    }

    /// <param name="place">The directory of this controller: the site's, or that of a further one.</param>
    internal static async Task<WebApplication> StartAsync(SitePaths place, SiteConfiguration configuration,
        Func<SitePaths, SiteConfiguration, TimeProvider, ILoggerFactory, ISite> openSite, TimeProvider time,
        CancellationToken ct)
    {
        var alone = TakeLock(place);
        try
        {
            var app = Build(place, configuration, openSite, time);
            app.Lifetime.ApplicationStopped.Register(alone.Dispose);
            return await ListenAsync(app, place, ct);
        }
        catch
        {
            await alone.DisposeAsync();
            throw;
        }
    }

    internal static WebApplication Build(SitePaths paths, SiteConfiguration configuration) =>
        Build(paths, configuration, OpenDriver, TimeProvider.System);

    private static WebApplication Build(SitePaths place, SiteConfiguration configuration,
        Func<SitePaths, SiteConfiguration, TimeProvider, ILoggerFactory, ISite> openSite, TimeProvider time)
    {
        var paths = place.OfSite();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = place.Root });
        Log(builder.Logging, configuration.LogFormat);
        var identity = new SiteIdentity(paths, place, time);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = BodyMax;
            kestrel.ListenUnixSocket(FreeSocket(place.ControllerSocket));
            kestrel.Listen(IPEndPoint.Parse(configuration.ControllerListen), listen => listen.UseHttps(https =>
            {
                https.ServerCertificateSelector = (_, _) => identity.Controller;
                https.SslProtocols = SslProtocols.Tls13;
                https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
                // Whose certificate it is, is decided per request (RequestGate), so that a refusal has a reason.
                https.ClientCertificateValidation = (_, _, _) => true;
            }));
            if (configuration.ControllerMetricsListen is { } metrics) kestrel.Listen(IPEndPoint.Parse(metrics));
        });
        builder.Services.AddSingleton<IExternalScopeProvider, RequestScopes>();
        builder.Services.AddRouting();
        builder.Services.AddApiDocument();
        builder.Services.ConfigureHttpJsonOptions(o =>
        {
            ContractJson.Configure(o.SerializerOptions);
            // A peer may be of the next release already. What users send is looked through before (RequestFaults).
            ContractJson.Tolerant(o.SerializerOptions);
            o.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
        });
        builder.Services.Configure<Microsoft.AspNetCore.Routing.RouteHandlerOptions>(o => o.ThrowOnBadRequest = true);
        builder.Services.AddSingleton(paths).AddSingleton(configuration).AddSingleton(_ => identity)
            .AddSingleton(time)
            .AddSingleton(p => openSite(paths, configuration, time, p.GetRequiredService<ILoggerFactory>()))
            .AddSingleton(_ => new AgentClient(paths.AgentSocket));
        builder.Services.AddController();
        var app = builder.Build();
        Map(app);
        app.Services.GetRequiredService<GroupRescue>().Fill();
        app.Services.GetRequiredService<AuditLog>().Adopt();
        return app;
    }

    private static void Log(ILoggingBuilder logging, string format)
    {
        const string stamp = "yyyy-MM-ddTHH:mm:ss.fffZ";
        if (format == "json") logging.AddJsonConsole(o =>
            (o.UseUtcTimestamp, o.TimestampFormat, o.IncludeScopes) = (true, stamp, true));
        else logging.AddSimpleConsole(o =>
            (o.SingleLine, o.IncludeScopes, o.UseUtcTimestamp, o.TimestampFormat) = (true, true, true, stamp + " "));
        logging.SetMinimumLevel(LogLevel.Information).AddFilter("Microsoft", LogLevel.Warning)
            .Configure(o => o.ActivityTrackingOptions =
                ActivityTrackingOptions.TraceId | ActivityTrackingOptions.SpanId);
    }

    private static async Task<WebApplication> ListenAsync(WebApplication app, SitePaths paths, CancellationToken ct)
    {
        try
        {
            await app.StartAsync(ct);
        }
        catch (IOException e)
        {
            await app.DisposeAsync();
            throw new ProblemException(ReasonCode.Conflict, "the controller cannot listen", e.Message, cause: e);
        }
        File.SetUnixFileMode(paths.ControllerSocket, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return app;
    }

    private static void Map(WebApplication app)
    {
        var ids = app.Services.GetRequiredService<RequestIds>();
        app.Use((context, next) => ids.HandleAsync(context, () => next(context)));
        var gate = app.Services.GetRequiredService<RequestGate>();
        app.Use((context, next) => gate.HandleAsync(context, () => next(context)));
        app.UseRouting();
        app.Use(async (context, next) =>
        {
            // Who only asks what would be leaves no trace, whatever is said to it.
            if (DryRuns.IsAsked(context)) AuditTrail.Spare(context);
            await gate.AdmitAsync(context);
            await next(context);
        });
        var faults = app.Services.GetRequiredService<RequestFaults>();
        app.Use(async (context, next) =>
        {
            await faults.ThrowIfAnyAsync(context);
            await next(context);
        });
        var keys = app.Services.GetRequiredService<IdempotencyKeys>();
        app.Use((context, next) => keys.HandleAsync(context, () => next(context)));
        var tags = app.Services.GetRequiredService<EntityTags>();
        app.Use((context, next) => tags.HandleAsync(context, () => next(context)));
        var trials = app.Services.GetRequiredService<DryRuns>();
        app.Use((context, next) => trials.HandleAsync(context, () => next(context)));
        var operations = app.Services.GetRequiredService<Operations>();
        app.Use((context, next) => operations.HandleAsync(context, () => next(context)));
        var routes = DescribedRoutes.Of(app);
        routes.MapOpenApi(ApiDocument.Route).IsOpenToAll();
        app.Services.GetRequiredService<SiteEndpoints>().Map(routes);
        app.Services.GetRequiredService<ControllerEndpoints>().Map(routes);
        app.Services.GetRequiredService<StatusEndpoints>().Map(routes);
        app.Services.GetRequiredService<LinkEndpoints>().Map(routes);
        app.Services.GetRequiredService<InstanceEndpoints>().Map(routes);
        app.Services.GetRequiredService<GroupEndpoints>().Map(routes);
        app.Services.GetRequiredService<QuiesceEndpoints>().Map(routes);
        app.Services.GetRequiredService<FollowUpEndpoints>().Map(routes);
        app.Services.GetRequiredService<PointEndpoints>().Map(routes);
        app.Services.GetRequiredService<ApplicationEndpoints>().Map(routes);
        app.Services.GetRequiredService<ViewEndpoints>().Map(routes);
        app.Services.GetRequiredService<SeedEndpoints>().Map(routes);
        app.Services.GetRequiredService<RunEndpoints>().Map(routes);
        app.Services.GetRequiredService<EvacuationEndpoints>().Map(routes);
        app.Services.GetRequiredService<ProjectEndpoints>().Map(routes);
        app.Services.GetRequiredService<AlertEndpoints>().Map(routes);
        app.Services.GetRequiredService<EventEndpoints>().Map(routes);
        app.Services.GetRequiredService<OperationEndpoints>().Map(routes);
        app.Services.GetRequiredService<TenantEndpoints>().Map(routes);
        app.Services.GetRequiredService<UserEndpoints>().Map(routes);
        app.Services.GetRequiredService<AuditEndpoints>().Map(routes);
        app.Services.GetRequiredService<AccessEndpoints>().Map(routes);
        app.Services.GetRequiredService<PolicyEndpoints>().Map(routes);
        app.Services.GetRequiredService<DeclarationEndpoints>().Map(routes);
        app.Services.GetRequiredService<HealthEndpoints>().Map(routes);
        app.Services.GetRequiredService<VersionEndpoints>().Map(routes);
        app.Services.GetRequiredService<UsageEndpoints>().Map(routes);
        app.Services.GetRequiredService<PairEndpoints>().Map(routes);
        app.Services.GetRequiredService<PeerEndpoints>().Map(routes);
        app.MapFallback("{*path}", context => UnmatchedRequests.RefuseAsync(context,
            app.Services.GetRequiredService<EndpointDataSource>())).Needs([.. RoleRights.All]);
        EndpointRights.ThrowIfMissing(((IEndpointRouteBuilder)app).DataSources);
        app.Services.GetRequiredService<AccessRules>().Begin(((IEndpointRouteBuilder)app).DataSources);
        // Said here, else the endpoints are known only once the controller listens, and it is described without that.
        app.UseEndpoints(_ => { });
    }

    private static ISite OpenDriver(SitePaths paths, SiteConfiguration configuration, TimeProvider time,
        ILoggerFactory logs)
    {
        try
        {
            return SiteDrivers.Shipped().Open(configuration.Driver,
                new SiteSetting(paths.Root, configuration.Options), time, logs);
        }
        catch (SiteException e)
        {
            throw SiteProblem.Of(e);
        }
    }

    // Two controllers of one site would carry out the same runs.
    internal static FileStream TakeLock(SitePaths paths)
    {
        Directory.CreateDirectory(paths.Run);
        try
        {
            return new FileStream(Path.Combine(paths.Run, "controller.lock"), FileMode.OpenOrCreate,
                FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new ProblemException(ReasonCode.Conflict, $"another controller of {paths.Root} runs",
                $"`lifeboat -d {paths.Root} site stop` ends it.", cause: e);
        }
    }

    // The lock is held: whoever made this socket is gone.
    private static string FreeSocket(string path)
    {
        File.Delete(path);
        return path;
    }
}
