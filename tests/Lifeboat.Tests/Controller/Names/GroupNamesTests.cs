// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller.Names;

/// <summary>The names of a group: as they are given, checked, shown and carried to the other site.</summary>
public sealed class GroupNamesTests
{
    [Fact]
    public async Task Names_are_part_of_the_plan_at_both_sites_and_the_check_of_a_run_says_what_they_lack()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        var plan = await sites.A.Client.ChangePlanAsync("shop", new PlanChange
        {
            Dns = [Name("Shop.Example.org.", "db1")], DnsTtl = TimeSpan.FromSeconds(30),
        }, Ct);
        Assert.Equal(("shop.example.org", TimeSpan.FromSeconds(30)), (plan.Dns!.Names.Single().Name, plan.Dns.Ttl));
        await UntilAsync(sites.B, GroupState.Protected);
        await UntilAsync(sites.B, g => g.Definition.Dns?.Names.Count == 1);
        var version = (await sites.A.Client.GroupAsync("shop", Ct)).Definition.Version;
        await sites.A.Client.ChangePlanAsync("shop", new PlanChange { Dns = plan.Dns.Names }, Ct);
        Assert.Equal(version, (await sites.A.Client.GroupAsync("shop", Ct)).Definition.Version);

        var shown = await sites.B.Client.PlanAsync("shop", new StartRunRequest { Kind = RunKind.Failover }, Ct);
        Assert.Contains(shown.Steps, s => s.Name == "update-dns");
        Assert.Equal(["DNS: shop.example.org: site b has no dns in site.json"], shown.Notes);
        var drill = await sites.B.Client.PlanAsync("shop", new StartRunRequest { Kind = RunKind.TestFailover }, Ct);
        Assert.Empty(drill.Gaps);
        Assert.DoesNotContain(drill.Steps, s => s.Name == "update-dns");

        plan = await sites.A.Client.ChangePlanAsync("shop",
            new PlanChange { Dns = [], DnsTtl = GroupDns.UsualTtl }, Ct);
        Assert.Null(plan.Dns);
    }

    [Fact]
    public async Task All_that_is_wrong_with_names_is_said_at_once_and_nothing_is_changed()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        var refused = await RefusedAsync(ReasonCode.InvalidRequest, () => sites.A.Client.ChangePlanAsync("shop",
            new PlanChange
            {
                Dns =
                [
                    Name("no name", "db1"), Name("x.example.org", "web9"), Name("x.example.org", "db1"),
                    Name("y.example.org", "db1") with { Addresses = At("c", "10.1") },
                ],
                DnsTtl = TimeSpan.FromMilliseconds(1500),
            }, Ct));
        foreach (var said in new[] { "'no name' is no name", "web9 is not a member", "named twice", "c is not a site",
            "'10.1' at c is no IP address", "whole seconds" })
            Assert.Contains(refused.Errors!, e => e.Contains(said, StringComparison.Ordinal));
        Assert.Null((await sites.A.Client.GroupPlanAsync("shop", Ct)).Dns);
    }

    [Fact]
    public async Task A_name_is_one_groups()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await sites.A.Client.ChangePlanAsync("shop", new PlanChange { Dns = [Name("x.example.org", "db1")] }, Ct);
        var qmp = sites.A.RunGuest("web1", "vda");
        await sites.A.Client.AdoptAsync(new AdoptRequest("web1", qmp, "/web1/qga.sock"), Ct);
        var refused = await RefusedAsync(ReasonCode.InvalidRequest, () => sites.A.Client.CreateGroupAsync(new()
        {
            Name = "till", RecoverySite = "b", Members = [new MemberRequest("web1")],
            Dns = new GroupDns { Names = [Name("X.example.org", "web1")] },
        }, Ct));
        Assert.Contains("group shop has x.example.org already", refused.Message);
    }

    [Fact]
    public async Task Declared_they_are_as_they_are_exported()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        const string text = """
            kind: Plan
            group: shop
            checks: [tcp:5432]
            dnsTtl: 30s
            dns:
              - name: shop.example.org
                instances: ["db1:default"]
                addresses: {b: [192.0.2.9, "2001:db8::9"]}
                reverse: true
            """;
        var request = new ApplyRequest { Files = [new DeclarationFile("shop.yaml", text)] };
        Assert.True((await sites.A.Client.ApplyAsync(request, Ct)).Done);
        var name = (await sites.A.Client.GroupPlanAsync("shop", Ct)).Dns!.Names.Single();
        Assert.Equal("shop.example.org=db1:default, and back; at b 192.0.2.9, 2001:db8::9", name.Text());
        Assert.Empty((await sites.A.Client.ApplyAsync(request, Ct)).Changes);
        var exported = await sites.A.Client.ExportAsync(Ct);
        var again = await sites.A.Client.ApplyAsync(
            new ApplyRequest { Files = [new DeclarationFile("all.yaml", exported)] }, Ct);
        Assert.Empty(again.Changes);
    }

    [Fact]
    public void What_is_wrong_with_the_settings_of_a_site_is_said()
    {
        var settings = new DnsSettings
        {
            Zones =
            [
                new DnsZone
                {
                    Zone = "", Server = "x:0", Key = "a b", Algorithm = "md5", SecretFile = "", Tenants = [],
                },
                new DnsZone { Zone = "dr.test", Server = "::1", Key = "k", SecretFile = "f" },
                new DnsZone { Zone = "DR.test.", Server = "ns.example.org:5353", Key = "k.", SecretFile = "f" },
            ],
        };
        Assert.Equal(7, settings.Problems().Count());
        Assert.Equal(("::1", 53), settings.Zones[1].Address());
        Assert.Equal(("ns.example.org", 5353), settings.Zones[2].Address());
    }

    private static DnsName Name(string name, string instance) =>
        new() { Name = name, Targets = [new DnsTarget(instance)] };

    private static Dictionary<string, IReadOnlyList<string>> At(string site, string address) =>
        new() { [site] = [address] };
}
