// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Storage.Care;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Testing.Recovery;
using Lifeboat.Testing.Upgrades;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Lifeboat.Tests.Controller;

/// <summary>
/// This release starts on databases that former ones were killed over: all that was in them is there, and what was
/// under way comes to an end. With real processes, agents and guests: kit/upgrade-test.
/// </summary>
public sealed class UpgradeTests(PostgresFixture postgres)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ec9d547", 2, "SQLite")]
    [InlineData("e10a65c", 9, "PostgreSQL")]
    public async Task A_recovery_site_goes_on_from_the_database_of_a_former_release(
        string release, int schema, string engine)
    {
        using var former = await FormerState.UnpackAsync(release, Ct);
        var database = engine == "SQLite" ? null : await postgres.EmptyAsync();
        await using var site = await TestSite.StartAsync("b", new AgentNetwork(), database: database, found: paths =>
            Fill(former, former.B, paths, database, schema));
        Assert.Empty(DatabaseCheck.Run(site.Services.GetRequiredService<ControllerDatabase>()).Faults);

        await MustHaveGroupsAsync(site);
        // The replicas are to be kept as they were.
        Assert.Equal(["shop", "till"], site.Services.GetRequiredService<SpecStore>().Replicas()
            .Select(r => r.Spec.Group));
        var runs = await site.Client.RunsAsync("shop", Ct);
        Assert.Equal(2, runs.Count);
        var over = Assert.Single(runs, r => r.Reason == ReasonCode.VerificationFailed);
        Assert.Equal((RunKind.TestFailover, RunState.Failed), (over.Kind, over.State));
        Assert.Equal(over.Id, (await site.Client.ReportAsync(over.Id, Ct)).Read().Run);
        // Nothing of its copies is at this test's site: it fails, but to its end and with a report.
        await MustEndAsync(site, Assert.Single(runs, r => r.Id != over.Id).Id);
    }

    [Theory]
    [InlineData("ec9d547", 2)]
    [InlineData("e10a65c", 9)]
    public async Task A_primary_site_goes_on_from_the_database_of_a_former_release(string release, int schema)
    {
        using var former = await FormerState.UnpackAsync(release, Ct);
        await using var site = await TestSite.StartAsync("a", new AgentNetwork(), found: paths =>
            Fill(former, former.A, paths, null, schema));
        Assert.Empty(DatabaseCheck.Run(site.Services.GetRequiredService<ControllerDatabase>()).Faults);
        await MustHaveGroupsAsync(site);
        Assert.Equal("b", Assert.Single((await site.Client.SiteAsync(Ct)).Peers).Name);
        // What is written now is of this release, and stays with what was there.
        var changed = await site.Client.ChangePolicyAsync("shop", new() { RtoTarget = TimeSpan.FromMinutes(7) }, Ct);
        Assert.Equal((TimeSpan.FromSeconds(33), TimeSpan.FromMinutes(7)),
            (changed.Definition.Policy.RpoTarget, changed.Definition.Policy.RtoTarget));
    }

    [Fact]
    public async Task Tenants_users_tokens_and_the_chain_of_the_audit_log_are_taken_over()
    {
        using var former = await FormerState.UnpackAsync("e10a65c", Ct);
        var database = await postgres.EmptyAsync();
        await using var site = await TestSite.StartAsync("b", new AgentNetwork(), database: database, found: paths =>
            Fill(former, former.B, paths, database, 9));
        var acme = Assert.Single(await site.Client.TenantsAsync(Ct), t => t.Name == "acme");
        Assert.Equal(7, acme.Limits.GroupsMax);
        using var client = new ControllerClient(TenantHeader.Over(UnixSocketHttp.Handler(site.Paths.ControllerSocket),
            "acme"), new Uri("http://controller/"));
        Assert.Equal(["manager"], (await client.UserAsync("ann", Ct)).Roles.Select(r => $"{r}".ToLowerInvariant()));
        Assert.Equal("ci", Assert.Single(await client.ApiTokensAsync("ann", Ct)).Label);
        Assert.Null((await site.Client.VerifyAuditAsync(null, Ct)).Broken);
        Assert.Contains(await site.Client.AuditAsync(null, 100, Ct), e => e.Subject == "/v1/tenants");
    }

    private static void Fill(FormerState former, SitePaths from, SitePaths to, string? database, int schema)
    {
        // Whatever was sealed in it was sealed with this.
        FormerState.Copy(from, to, "controller.db", "controller.db-wal", "ca/site.key", "groups", "reports");
        if (database is null)
        {
            using var file = new SqliteDatabase(to.ControllerDatabase, migrate: false);
            using var opened = file.Open();
            Assert.Equal(schema, file.SchemaVersion(opened, null));
            return;
        }
        using var server = new PostgresDatabase(PostgresSettings.Read(database, null), TimeProvider.System,
            migrate: false);
        using (var source = NpgsqlDataSource.Create(PostgresSettings.Read(database, null)))
        using (var plain = source.OpenConnection()) plain.Execute(former.Sql());
        using var connection = server.Open();
        Assert.Equal(schema, server.SchemaVersion(connection, null));
    }

    private static async Task MustHaveGroupsAsync(TestSite site)
    {
        var groups = (await site.Client.GroupsAsync(Ct)).Select(g => g.Definition).ToList();
        Assert.Equal(["shop", "till"], groups.Select(g => g.Name));
        var (shop, till) = (groups[0], groups[1]);
        Assert.Equal(("a", "b", "erp"), (shop.PrimarySite, shop.RecoverySite, shop.Application));
        Assert.Equal((TimeSpan.FromSeconds(33), TimeSpan.FromSeconds(1), "all:10h", 4L << 20),
            (shop.Policy.RpoTarget, shop.Policy.CheckpointInterval, $"{shop.Policy.Retention}",
                shop.Policy.OutboxBytes));
        var plan = await site.Client.GroupPlanAsync("shop", Ct);
        Assert.Equal(["tcp:5432"], plan.Checks);
        Assert.Equal(("db1", 5), (plan.BootOrder.Single().Key, plan.BootOrder.Single().Value));
        Assert.Equal("fixture", till.Suspension?.Reason);
    }

    private static async Task MustEndAsync(TestSite site, Guid run)
    {
        var since = TimeProvider.System.GetTimestamp();
        while (await site.Client.RunAsync(run, Ct) is { Finished: false } now)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(since) < Patience, $"{now.State} {now.Detail}");
            await Task.Delay(200, Ct);
        }
        Assert.Equal(run, (await site.Client.ReportAsync(run, Ct)).Read().Run);
    }
}
