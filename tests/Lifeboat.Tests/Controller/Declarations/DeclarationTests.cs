// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Tests.Tidy;
using Microsoft.Extensions.DependencyInjection;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller.Declarations;

/// <summary>What is there is as files declare it: all of it or, with a fault, nothing.</summary>
public sealed class DeclarationTests(ITestOutputHelper output)
{
    private const string Sample = "kit/samples/declarations/shop.yaml";

    /// <summary>Ten faults of ten kinds, one in each of the lines that are named.</summary>
    private static readonly (int Line, string Says, string Text)[] TenFaults =
    [
        (2, "no name", "kind: Tenant\nname: Acme"),
        (4, "did you mean Policy?", "---\nkind: Polcy\nname: gold"),
        (8, "did you mean 'rpoTarget'?", "---\nkind: Policy\nrpoTargt: 10s\nname: silver"),
        (13, "must be a duration", "---\nkind: Policy\nname: iron\nrtoTarget: 10 minutes"),
        (17, "there is no tenant nowhere", "---\nkind: User\nname: bob\ntenant: nowhere"),
        (21, "must be one of reader", "---\nkind: User\nname: carl\nroles: managr"),
        (26, "has no instance nodb",
            "---\nkind: Group\nname: g1\nrecoverySite: b\nmembers: [nodb]"),
        (29, "Policy iron is declared twice, first at", "---\n# again\nkind: Policy\nname: iron"),
        (33, "there is no group 'none'", "---\nkind: Plan\ngroup: none"),
        (36, "this is no YAML", "---\nkind: [User"),
    ];

    [Fact]
    public async Task The_sample_makes_two_sites_and_the_second_time_nothing()
    {
        await using var sites = await TwoSites.StartAsync(paired: false);
        await RunAsync(sites.A, ("db1", ["vda"]), ("web1", ["vda", "vdb"]));
        var token = (await sites.B.Client.CreateTokenAsync(Ct)).Token;
        var request = new ApplyRequest { Files = [Shipped()] };

        var shown = await sites.A.Client.ApplyAsync(request with { DryRun = true }, Ct);
        Assert.Equal(["file:b.token"], shown.SecretsWanted);
        Assert.Empty(await sites.A.Client.PoliciesAsync(Ct));
        var made = await sites.A.Client.ApplyAsync(request with
        {
            Tag = shown.Tag, Secrets = new Dictionary<string, string> { ["file:b.token"] = token },
        }, Ct);
        Assert.True(made.Done);
        Assert.Equal(shown.Changes.Select(c => (c.Kind, c.Name)), made.Changes.Select(c => (c.Kind, c.Name)));
        Assert.DoesNotContain(made.Changes.SelectMany(c => c.Fields),
            f => $"{f.Old}{f.New}".Contains(token[..20], StringComparison.Ordinal));

        var group = (await sites.A.Client.GroupAsync("acme_shop", Ct)).Definition;
        Assert.Equal(("gold", "erp", 1), (group.Follows!.Policy, group.Application, group.Version));
        Assert.Equal(["outboxLogBytes"], group.Follows.Own);
        Assert.Equal((TimeSpan.FromSeconds(10), 8L << 30), (group.Policy.RpoTarget, group.Policy.OutboxLogBytes));
        Assert.Equal(["db1.vda", "web1.vda"], group.Volumes.Select(v => v.Name));
        Assert.Equal([0, 1], group.Members.Select(m => m.BootOrder));
        Assert.Equal(["boot:300", "db1/tcp:5432"], group.Checks);
        Assert.Equal(group.Policy, sites.A.Agent.SourceSpec("acme_shop")!.Policy);
        var dora = await UserAsync(sites.A, "acme", "dora");
        Assert.Equal([Right.View, Right.Drill], dora.Rights);

        Assert.Empty((await sites.A.Client.ApplyAsync(request, Ct)).Changes);
        Assert.Equal(group.Version, (await sites.A.Client.GroupAsync("acme_shop", Ct)).Definition.Version);
        // What both sites need is at both; what is a's alone is not b's.
        // The policy may have come there by itself by now: paired sites level them.
        var atB = await sites.B.Client.ApplyAsync(request, Ct);
        Assert.Equal(5, atB.Changes.Count + atB.Unchanged);
        Assert.InRange(atB.Unchanged, 0, 1);
        var again = await sites.B.Client.ApplyAsync(request, Ct);
        Assert.Equal((0, 5, 2), (again.Changes.Count, again.Unchanged, again.Notes.Count));
    }

    [Fact]
    public async Task What_was_exported_applies_to_no_change()
    {
        await using var sites = await TwoSites.StartAsync();
        await RunAsync(sites.A, ("db1", ["vda"]), ("web1", ["vda", "vdb"]));
        await sites.A.Client.ApplyAsync(new ApplyRequest { Files = [Shipped()] }, Ct);
        await sites.A.Client.ChangePolicyAsync("acme_shop", new PolicyChange
        {
            Retention = "application:30d,1h:2d", ShipCap = "123456.789kB", ShipWindows = ["daily 22:00-06:00 1Gbit"],
            QuiesceLabel = "null", QuiesceInterval = TimeSpan.Zero,
        }, Ct);

        var text = await sites.A.Client.ExportAsync(Ct);
        output.WriteLine(text);
        var again = await sites.A.Client.ApplyAsync(Yaml(text) with { Prune = true }, Ct);
        Assert.True(again.Changes.Count == 0, string.Join("\n", again.Changes.SelectMany(c => c.Fields)));
        Assert.Equal(11, again.Unchanged);
        Assert.Equal(text, await sites.A.Client.ExportAsync(Ct));
    }

    [Fact]
    public async Task Ten_faults_are_told_as_ten_and_nothing_is_done()
    {
        await using var sites = await TwoSites.StartAsync();
        var text = "kind: Tenant\nname: fine\n---\n" + string.Join("\n", TenFaults.Select(f => f.Text));

        var refused = await RefusedAsync(ReasonCode.InvalidRequest,
            () => sites.A.Client.ApplyAsync(Yaml(text), Ct));

        Assert.Equal(10, refused.Faults!.Count);
        foreach (var (fault, (line, says, _)) in refused.Faults.Zip(TenFaults))
        {
            Assert.Contains(says, fault.Detail, StringComparison.Ordinal);
            Assert.Equal((line + 3, "test.yaml"), (fault.At!.Line, fault.At.File));
            Assert.StartsWith("#", fault.Pointer, StringComparison.Ordinal);
        }
        Assert.Equal(["default"], (await sites.A.Client.TenantsAsync(Ct)).Select(t => t.Name));
    }

    [Fact]
    public async Task What_a_document_that_cannot_be_read_would_have_declared_is_no_second_fault()
    {
        await using var sites = await TwoSites.StartAsync();
        await RunAsync(sites.A, ("db1", ["vda"]));
        var refused = await RefusedAsync(ReasonCode.InvalidRequest, () => sites.A.Client.ApplyAsync(Yaml("""
            {kind: Tennant, name: acme}
            --- {kind: Policy, name: gold, tenant: acme}
            --- {kind: Policy, name: silver, rpoTarget: [}
            --- {kind: Group, name: shop, recoverySite: b, policy: silver, members: [db1]}
            """), Ct));
        Assert.Equal(2, refused.Faults!.Count);
    }

    [Fact]
    public async Task What_was_changed_meanwhile_is_not_overwritten()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        const string gold = "kind: Policy\nname: gold\nrpoTarget: ";
        await sites.A.Client.ApplyAsync(Yaml(gold + "20s"), Ct);
        var group = Group("policy: gold\noverrides: {rtoTarget: 1h}");
        var shown = await sites.A.Client.ApplyAsync(Yaml(gold + "30s\n---\n" + group) with { DryRun = true }, Ct);

        await sites.A.Client.ChangeNamedPolicyAsync("gold",
            new NamedPolicyChange { Policy = new PolicyChange { RpoTarget = TimeSpan.FromSeconds(40) } }, Ct);
        await RefusedAsync(ReasonCode.PreconditionFailed, () => sites.A.Client.ApplyAsync(
            Yaml(gold + "30s\n---\n" + group) with { Tag = shown.Tag }, Ct));
        Assert.Equal(40, (await sites.A.Client.PolicyAsync("gold", Ct)).Policy.RpoTarget.TotalSeconds);

        // Two at once: one after the other, and each is whole.
        await Task.WhenAll(Enumerable.Range(1, 8).Select(i => sites.A.Client.ApplyAsync(
            Yaml($"{gold}{i}m\n---\n{Group($"policy: gold\noverrides: {{rtoTarget: {i}h}}")}"), Ct)));
        var last = (await sites.A.Client.GroupAsync("shop", Ct)).Definition;
        Assert.Equal(last.Policy.RpoTarget.TotalMinutes, last.Policy.RtoTarget.TotalHours);
        Assert.Equal(last.Policy.RpoTarget, (await sites.A.Client.PolicyAsync("gold", Ct)).Policy.RpoTarget);
        Assert.Equal(last.Policy, (await sites.B.Client.GroupAsync("shop", Ct)).Definition.Policy);
    }

    [Fact]
    public async Task A_tenants_file_reaches_nothing_of_others_and_nobody_more_than_they_may()
    {
        await using var sites = await TwoSites.StartAsync();
        await RunAsync(sites.A, ("db1", ["vda"]), ("db2", ["vda"]));
        await sites.A.Client.ApplyAsync(Yaml("""
            {kind: Tenant, name: acme}
            --- {kind: Tenant, name: beta, groupsMax: 0}
            --- {kind: Instance, name: db1, tenant: acme}
            --- {kind: Instance, name: db2, tenant: beta}
            --- {kind: Policy, name: gold, tenant: acme}
            --- {kind: User, name: anna, tenant: acme, roles: [manager]}
            --- {kind: Group, name: shop, tenant: acme, recoverySite: b, members: [db1]}
            """), Ct);
        using var http = new TokenHttp(sites.A);
        var bob = await http.UserAsync("bob", "beta", Right.View, Right.Change, Right.Administer);

        Task<ProblemException> Bob(string text) => FaultsAsync(http, bob, text);
        Assert.Equal((await Bob("{kind: Policy, name: x, tenant: none}")).Faults![0].Detail.Replace("none", "acme"),
            (await Bob("{kind: Policy, name: x, tenant: acme}")).Faults![0].Detail);
        var named = await Bob("""
            {kind: Group, name: mine, recoverySite: b, policy: gold, members: [db1, nodb]}
            --- {kind: Plan, group: shop}
            --- {kind: Tenant, name: beta}
            --- {kind: Link, peer: b}
            --- {kind: Peer, name: b}
            --- {kind: Instance, name: db1}
            --- {kind: User, name: carl, roles: [operator]}
            --- {kind: User, name: dora, roles: [auditor]}
            """);
        Assert.Equal(
            [
                "tenant beta may not have more: it has 0 groups of 0", "tenant beta has no policy 'gold' at this site",
                "tenant beta has no instance db1", "tenant beta has no instance nodb",
                "there is no group 'shop' of tenant beta",
                "Tenant beta: beta/bob is of a tenant, this is the site's",
                "Link b: beta/bob is of a tenant, this is the site's",
                "Peer b: beta/bob is of a tenant, this is the site's",
                "Instance db1: beta/bob is of a tenant, this is the site's",
                "the role operator is of the site, not of tenant beta",
                "User dora: beta/bob cannot give what it does not have: audit",
            ], named.Faults!.Select(f => f.Detail).ToArray(), StringComparer.Ordinal);
        var exported = await http.AskAsync<string>(HttpMethod.Get, "/v1/declarations", bob);
        Assert.DoesNotContain("acme", exported, StringComparison.Ordinal);
        Assert.Contains("name: bob", exported, StringComparison.Ordinal);
        Assert.Empty((await http.AskAsync<ApplyResult>(HttpMethod.Post, "/v1/declarations", bob, Yaml(exported)))
            .Changes);

        // Who may only look sees whether it is as declared, and may not make it so.
        var low = await http.UserAsync("eve", "beta", Right.View);
        var missing = await FaultsAsync(http, low, "{kind: Policy, name: x}\n--- {kind: User, name: bob}");
        Assert.Equal(["Policy x: beta/eve lacks the right change", "User bob: beta/eve lacks the right administer"],
            missing.Faults!.Select(f => f.Detail));
        Assert.Equal(ReasonCode.NotAllowed, missing.Reason);
    }

    [Fact]
    public async Task Pruning_deletes_what_is_not_declared_and_groups_only_when_that_is_allowed_besides()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await sites.A.Client.ApplyAsync(Yaml("""
            {kind: Policy, name: gold}
            --- {kind: Policy, name: old}
            --- {kind: User, name: olga, roles: [operator]}
            --- {kind: Tenant, name: acme}
            """), Ct);
        await sites.A.Client.ChangePolicyAsync("shop", new PolicyChange { Follow = "gold" }, Ct);

        var keep = Yaml("{kind: Policy, name: gold}") with { Prune = true };
        Assert.Equal(["old"], (await sites.A.Client.ApplyAsync(keep, Ct)).Changes.Select(c => c.Name));
        Assert.Single(await sites.A.Client.UsersAsync(Ct));
        var used = await RefusedAsync(ReasonCode.Conflict, () => sites.A.Client.ApplyAsync(
            Yaml("{kind: Policy, name: other}") with { Prune = true }, Ct));
        Assert.Contains("group shop follows it", used.Faults!.Single().Detail, StringComparison.Ordinal);

        // Its instance is in another group of the files: the old one goes first.
        var moved = Yaml("{kind: Group, name: store, recoverySite: b, members: [db1]}") with { Prune = true };
        var refused = await RefusedAsync(ReasonCode.NotAllowed, () => sites.A.Client.ApplyAsync(moved, Ct));
        Assert.Contains("--delete-groups", refused.Faults!.Single().Detail, StringComparison.Ordinal);
        var done = await sites.A.Client.ApplyAsync(moved with { DeleteGroups = true }, Ct);
        Assert.Equal([(ChangeAction.Delete, "shop"), (ChangeAction.Create, "store")],
            done.Changes.Select(c => (c.Action, c.Name)));
        Assert.Equal(["store"], (await sites.A.Client.GroupsAsync(Ct)).Select(g => g.Definition.Name));
        Assert.Null(sites.B.Agent.ReplicaSpec("shop"));
    }

    [Fact]
    public async Task What_fails_in_the_middle_is_told_and_the_rest_is_made_the_next_time()
    {
        await using var sites = await TwoSites.StartAsync();
        await RunAsync(sites.A, ("db1", ["vda"]));
        await sites.B.StopControllerAsync();
        var request = Yaml("""
            {kind: Policy, name: gold}
            --- {kind: Group, name: shop, recoverySite: b, policy: gold, members: [db1]}
            --- {kind: Plan, group: shop, checks: [boot:60]}
            """);
        var failed = await RefusedAsync(ReasonCode.PeerUnreachable, () => sites.A.Client.ApplyAsync(request, Ct));
        Assert.StartsWith("Group shop: ", failed.Errors!.Single(), StringComparison.Ordinal);
        Assert.Single(await sites.A.Client.PoliciesAsync(Ct));

        await sites.B.StartControllerAsync();
        Assert.Equal(["Group", "Plan"],
            (await sites.A.Client.ApplyAsync(request, Ct)).Changes.Select(c => c.Kind));
        Assert.Empty((await sites.A.Client.ApplyAsync(request, Ct)).Changes);
        var rows = sites.A.Services.GetRequiredService<AuditLog>().Newest(20)
            .Where(e => e.Action.StartsWith("APPLY", StringComparison.Ordinal)).Select(e => (e.Subject, e.Outcome));
        Assert.Contains(("/v1/groups/shop", "peer-unreachable"), rows);
        Assert.Contains(("/v1/groups/shop", "ok"), rows);
    }

    [Fact]
    public async Task A_thousand_groups_are_looked_at_within_reason()
    {
        await using var sites = await TwoSites.StartAsync();
        const int count = 1000;
        var text = new StringBuilder("kind: Policy\nname: gold\nrpoTarget: 30s\n");
        for (var i = 0; i < count; i++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"vm{i}");
            var qmp = sites.A.RunGuest(name, "vda", "vdb");
            await sites.A.Site.AdoptAsync(new AdoptRequest(name, qmp, null), Ct);
            text.Append(CultureInfo.InvariantCulture, $"---\nkind: Group\nname: g{i}\nrecoverySite: b\npolicy: gold\n"
                + $"members: [{name}]\n---\nkind: Plan\ngroup: g{i}\nchecks: [boot:300]\n");
        }
        var began = Stopwatch.GetTimestamp();
        var shown = await sites.A.Client.ApplyAsync(Yaml(text.ToString()) with { DryRun = true }, Ct);
        var took = Stopwatch.GetElapsedTime(began);
        output.WriteLine(
            $"{count} groups with plans, {text.Length / 1024} KiB: looked at in {took.TotalSeconds:0.00} s");
        Assert.Equal((2 * count) + 1, shown.Changes.Count);
        Assert.True(took < TimeSpan.FromSeconds(15), $"took {took}");
    }

    private static string Group(string more) =>
        $"kind: Group\nname: shop\nrecoverySite: b\nmembers: [db1]\n{more}\n";

    private static ApplyRequest Yaml(string text) => new()
    {
        Files = [new DeclarationFile("test.yaml", text.Replace("\n--- {", "\n---\n{", StringComparison.Ordinal))],
    };

    private static DeclarationFile Shipped() =>
        new("shop.yaml", File.ReadAllText(Path.Combine(SourceTree.Root, Sample)));

    private static async Task RunAsync(TestSite site, params (string Name, string[] Disks)[] guests)
    {
        foreach (var (name, disks) in guests)
            await site.Client.AdoptAsync(new AdoptRequest(name, site.RunGuest(name, disks), $"/{name}/qga.sock"), Ct);
    }

    private static async Task<UserInfo> UserAsync(TestSite site, string tenant, string user) =>
        (await site.Client.UsersAsync(Ct)).Single(u => u.Tenant == tenant && u.Name == user);

    private static async Task<ProblemException> FaultsAsync(TokenHttp http, string token, string text)
    {
        using var answer = await http.SendAsync(HttpMethod.Post, "/v1/declarations", token,
            System.Text.Json.JsonSerializer.Serialize(Yaml(text), ContractJson.Options));
        return await Assert.ThrowsAsync<ProblemException>(
            () => ProblemAnswer.ThrowIfRefusedAsync(answer, "controller", Ct));
    }
}
