// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Peers;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Access.Rules;
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.Api;
using Lifeboat.Controller.Api.Requests;
using Lifeboat.Controller.Applications;
using Lifeboat.Controller.Backups;
using Lifeboat.Controller.Declarations;
using Lifeboat.Controller.DesiredState;
using Lifeboat.Controller.Evacuations;
using Lifeboat.Controller.FollowUps;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Identity;
using Lifeboat.Controller.Leases;
using Lifeboat.Controller.Metrics;
using Lifeboat.Controller.Names;
using Lifeboat.Controller.Notifications;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Policies;
using Lifeboat.Controller.Projects;
using Lifeboat.Controller.Pruning;
using Lifeboat.Controller.Runs;
using Lifeboat.Controller.Schedules;
using Lifeboat.Controller.ServiceLevels;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Standing;
using Lifeboat.Controller.Status;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Tenancy;
using Lifeboat.Controller.Usage;
using Lifeboat.Controller.Watching;
using Lifeboat.Recovery.Names;
using Lifeboat.Recovery.Runs;
using Lifeboat.Recovery.Steps;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller;

/// <summary>What the controller is made of; one line per noun.</summary>
internal static class ControllerServices
{
    public static void AddController(this IServiceCollection services)
    {
        services.AddSingleton(p => SiteDatabase.Open(p.GetRequiredService<SitePaths>(),
            p.GetRequiredService<SiteConfiguration>(), p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => ControllerName.Of(p.GetRequiredService<SiteConfiguration>()))
            .AddSingleton<ControllerUrls>();
        services.AddSingleton(OpenLeases);
        // First, so that it is stopped last: what works on something has ended when its lease is given back.
        services.AddHostedService(p => p.GetRequiredService<ILeases>());
        services.AddSingleton<GroupFiles>().AddSingleton<GroupRescue>();
        services.AddSingleton<GroupStore>().AddSingleton<SpecStore>().AddSingleton<PeerStore>()
            .AddSingleton<TokenStore>()
            .AddSingleton<RunStore>().AddSingleton<IRunStore>(p => p.GetRequiredService<RunStore>());
        services.AddAccess();
        services.AddSingleton<PeerDirectory>().AddSingleton<PeerTruce>().AddSingleton<Exchange>()
            .AddSingleton<Pairing>().AddSingleton<CertificateRotation>();
        services.AddSingleton<SiteAgents>().AddSingleton<BootFiles>().AddSingleton<SourceSightings>()
            .AddSingleton<GroupLocks>();
        services.AddSingleton<INameServers>(p => ActivatorUtilities.CreateInstance<DnsServers>(p,
            (Func<IEnumerable<GroupRecord>>)p.GetRequiredService<GroupStore>().All));
        services.AddSingleton<BackupPointStore>()
            .AddSingleton(p => ActivatorUtilities.CreateInstance<BackupMover>(p, SiteName(p)))
            .AddHostedService<BackupSchedule>();
        services.AddSingleton(p => ActivatorUtilities.CreateInstance<LocalSide>(p, SiteName(p)));
        services.AddSingleton(p => ActivatorUtilities.CreateInstance<PluggedDisks>(p, SiteName(p)));
        services.AddSingleton(p => ActivatorUtilities.CreateInstance<InstanceCatalog>(p, SiteName(p)));
        services.AddSingleton<GroupCreation>().AddSingleton<GroupRemoval>().AddSingleton<GroupOverview>()
            .AddSingleton<PointCatalog>().AddSingleton<PolicyEditing>().AddSingleton<GroupSuspension>()
            .AddSingleton<GroupEdits>().AddSingleton<GroupSettling>().AddSingleton<GroupConflicts>()
            .AddSingleton<PlanEditing>().AddSingleton<GroupVolumes>()
            .AddSingleton<VolumeProtection>().AddSingleton<InstanceHosts>()
            .AddSingleton<DivergenceStore>().AddSingleton<DivergenceWatch>().AddSingleton<Divergences>()
            .AddSingleton<InstanceQuiesces>().AddSingleton<FollowUpStore>()
            .AddSingleton<RecoveryProofs>().AddSingleton<StatusBoard>();
        services.AddSingleton<PolicyStore>().AddSingleton<PolicyFollowers>().AddSingleton<PolicyCatalog>()
            .AddSingleton<EditWriter>().AddSingleton<PolicyLevelling>().AddSingleton<PolicyConflicts>();
        services.AddSingleton<ApplicationCatalog>().AddSingleton<SharedCheckpoint>();
        services.AddSingleton(CreateRunner).AddSingleton<RunFeed>().AddSingleton<ReportFiles>()
            .AddSingleton<RunHost>();
        services.AddHostedService(p => p.GetRequiredService<RunHost>());
        services.AddHostedService<Reconciler>();
        services.AddSingleton<NamesBehind>().AddHostedService(p => p.GetRequiredService<NamesBehind>());
        services.AddSingleton<ProjectStore>().AddSingleton<ProjectCatalog>().AddSingleton<ProjectEndpoints>()
            .AddHostedService<ProjectKeeper>();
        services.AddSingleton<StandingBook>().AddHostedService<StandingKeeper>();
        services.AddHostedService<SharedPointSchedule>();
        services.AddSingleton(p => p.GetRequiredService<SiteConfiguration>().Retention ?? RecordRetention.Default);
        services.AddHostedService<RecordPruning>();
        services.AddWatching();
        services.AddEvacuations();
        services.AddDeclarations();
        services.AddSingleton<ProblemResponses>().AddSingleton<RequestIds>().AddSingleton<RequestFaults>()
            .AddSingleton<RequestKeyStore>().AddSingleton<IdempotencyKeys>().AddSingleton<EntityTags>()
            .AddSingleton<DryRuns>()
            .AddSingleton<OperationStore>().AddSingleton<Operations>().AddSingleton<OperationEndpoints>()
            .AddSingleton<RequestGate>();
        services.AddSingleton<SiteEndpoints>().AddSingleton<InstanceEndpoints>().AddSingleton<GroupEndpoints>()
            .AddSingleton<PointEndpoints>().AddSingleton<ApplicationEndpoints>()
            .AddSingleton<RunEndpoints>().AddSingleton<PairEndpoints>()
            .AddSingleton<PeerEndpoints>().AddSingleton<ViewEndpoints>().AddSingleton<LinkEndpoints>()
            .AddSingleton<SeedEndpoints>().AddSingleton<ControllerEndpoints>().AddSingleton<AlertEndpoints>()
            .AddSingleton<EventEndpoints>().AddSingleton<HealthEndpoints>().AddSingleton<QuiesceEndpoints>()
            .AddSingleton<FollowUpEndpoints>().AddSingleton<UserEndpoints>().AddSingleton<TenantEndpoints>()
            .AddSingleton<AuditEndpoints>().AddSingleton<StatusEndpoints>().AddSingleton<UsageEndpoints>()
            .AddSingleton<PolicyEndpoints>().AddSingleton<DeclarationEndpoints>().AddSingleton<VersionEndpoints>();
    }

    // Kinds of documents, what others need first.
    private static void AddDeclarations(this IServiceCollection services)
    {
        services.AddSingleton<LinkEditing>().AddSingleton<GroupPlanner>().AddSingleton<DeclarationCatalog>();
        services.AddSingleton<TenantKind>().AddSingleton<InstanceKind>().AddSingleton<PeerKind>()
            .AddSingleton<LinkKind>().AddSingleton<PolicyKind>().AddSingleton<UserKind>().AddSingleton<GroupKind>()
            .AddSingleton<PlanKind>();
        services.AddSingleton<IReadOnlyList<IDeclaredKind>>(p =>
        [
            p.GetRequiredService<TenantKind>(), p.GetRequiredService<InstanceKind>(), p.GetRequiredService<PeerKind>(),
            p.GetRequiredService<LinkKind>(), p.GetRequiredService<PolicyKind>(), p.GetRequiredService<UserKind>(),
            p.GetRequiredService<GroupKind>(), p.GetRequiredService<PlanKind>(),
        ]);
    }

    // Who may ask, and the trail of what was asked.
    private static void AddAccess(this IServiceCollection services)
    {
        services.AddSingleton(p => SiteKey.Open(p.GetRequiredService<SitePaths>()));
        services.AddSingleton<SecretStore>().AddSingleton<AuditLog>().AddSingleton<AuditTrail>()
            .AddSingleton<TenantStore>().AddSingleton<UserStore>().AddSingleton<ApiTokenStore>()
            .AddSingleton<PriceStore>();
        services.AddSingleton<TryLimit>().AddSingleton<Users>().AddSingleton<Callers>().AddSingleton<ApiTokens>()
            .AddSingleton<AccessRules>().AddSingleton<AccessVerdicts>().AddSingleton<AccessEndpoints>();
        services.AddSingleton<InstanceTenants>().AddSingleton<TenantScope>().AddSingleton<TenantQuotas>()
            .AddSingleton<TenantCaps>().AddSingleton<GroupOwnership>().AddSingleton<TenantCatalog>();
        // The site's own tokens come first: they are not handed to anybody else.
        services.AddSingleton<IReadOnlyList<ITokenReader>>(p => [.. TokenReaders(p)]);
    }

    private static IEnumerable<ITokenReader> TokenReaders(IServiceProvider services)
    {
        var site = services.GetRequiredService<SiteConfiguration>();
        yield return services.GetRequiredService<ApiTokens>();
        if (site.Oidc is { } oidc) yield return ActivatorUtilities.CreateInstance<OidcTokens>(services, oidc);
        if (site.Keystone is { } keystone)
            yield return ActivatorUtilities.CreateInstance<KeystoneTokens>(services, keystone);
    }

    /// <summary>What looks at the site, and what is made of what it sees.</summary>
    private static void AddWatching(this IServiceCollection services)
    {
        services.AddSingleton<SiteEventStore>().AddSingleton<SiteEvents>();
        services.AddSingleton<SiteObserver>().AddSingleton<SiteWatch>();
        services.AddHostedService(p => p.GetRequiredService<SiteWatch>());
        services.AddSingleton<AlertStore>().AddSingleton<AlertDeliveries>().AddSingleton<TargetSecrets>()
            .AddSingleton<AlertTargets>().AddSingleton<AlertBook>().AddSingleton<SiteMetrics>();
        services.AddSingleton<IAlertSender, WebhookSender>().AddSingleton<IAlertSender, MailSender>();
        services.AddHostedService<AlertCourier>();
        services.AddSingleton<NotificationPosition>().AddSingleton<NotificationCourier>()
            .AddHostedService(p => p.GetRequiredService<NotificationCourier>());
        services.AddSingleton<DrillBook>().AddHostedService<DrillSchedule>();
        services.AddSingleton<LevelLedger>().AddSingleton<UsageLedger>();
        services.AddSingleton(p => ActivatorUtilities.CreateInstance<UsageReports>(p, SiteName(p)));
        services.AddSingleton<IRaisesAlerts>(p => p.GetRequiredService<AlertDeliveries>())
            .AddSingleton<IRaisesAlerts>(p => p.GetRequiredService<DrillBook>())
            .AddSingleton<IRaisesAlerts>(p => p.GetRequiredService<PolicyConflicts>())
            .AddSingleton<IRaisesAlerts>(p => p.GetRequiredService<GroupConflicts>())
            .AddSingleton<IRaisesAlerts>(p => p.GetRequiredService<NamesBehind>())
            .AddSingleton<IRaisesAlerts>(p => p.GetRequiredService<AccessRules>())
            .AddSingleton<IRaisesAlerts>(p => p.GetRequiredService<NotificationCourier>())
            .AddSingleton<IRaisesAlerts>(p => p.GetRequiredService<StandingBook>());
        // In this order: what drills came to is noted before alerts are made of it.
        services.AddSingleton<IWatcher>(p => p.GetRequiredService<DrillBook>())
            .AddSingleton<IWatcher>(p => p.GetRequiredService<LevelLedger>())
            .AddSingleton<IWatcher>(p => p.GetRequiredService<UsageLedger>());
        services.AddSingleton<IWatcher>(p => p.GetRequiredService<AlertBook>())
            .AddSingleton<IWatcher>(p => p.GetRequiredService<SiteMetrics>())
            .AddSingleton<IWatcher>(p => ActivatorUtilities.CreateInstance<QuiesceFollowUps>(p))
            .AddSingleton<IWatcher>(p => p.GetRequiredService<SiteEvents>());
    }

    private static ILeases OpenLeases(IServiceProvider services) =>
        services.GetRequiredService<ControllerDatabase>().IsShared
            ? ActivatorUtilities.CreateInstance<DatabaseLeases>(services)
            : ActivatorUtilities.CreateInstance<SoleLeases>(services);

    private static string SiteName(IServiceProvider services) =>
        services.GetRequiredService<SiteConfiguration>().Name;

    private static Runner CreateRunner(IServiceProvider services)
    {
        var time = services.GetRequiredService<TimeProvider>();
        var limits = services.GetRequiredService<SiteConfiguration>().Runs ?? RunLimits.Default;
        var options = RunnerOptions.Default with
        {
            OutageLimit = limits.OutageLimit,
            Versions = [$"lifeboat {SiteEndpoints.Version}"],
        };
        return new Runner(services.GetRequiredService<IRunStore>(), services.GetRequiredService<LocalSide>(),
            services.GetRequiredService<PeerDirectory>().Side, StepCatalog.Shipped(), options,
            () => Guid.CreateVersion7(time.GetUtcNow()), time, services.GetRequiredService<ILogger<Runner>>());
    }
}
