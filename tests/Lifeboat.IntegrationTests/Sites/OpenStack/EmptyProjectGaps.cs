// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack;
using Lifeboat.Sites.OpenStack.Building;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Networking;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>What keeps servers from an empty project, each provoked at a real cloud; and what is made in it, by several
/// builders at once, cut short, and removed.</summary>
public sealed class EmptyProjectGaps(ITestOutputHelper output) : IAsyncDisposable
{
    private EmptyProject? _project;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static IReadOnlyList<InstanceDescription> Servers =>
        [.. ThreeTiers.Definition.Members.Select(m => m.Description)];

    public async ValueTask DisposeAsync()
    {
        if (_project is not null) await _project.DisposeAsync();
    }

    [Fact]
    public async Task Flavor_quotas_volume_type_and_pool_are_told_at_once_before_anything_is_made()
    {
        _project = await EmptyProject.MakeAsync(Ct);
        await _project.QuotaAsync(CloudApi.Compute, new JsonObject { ["instances"] = 4, ["ram"] = 600 }, Ct);
        await _project.QuotaAsync(CloudApi.BlockStorage, new JsonObject { ["volumes"] = 3 }, Ct);
        await _project.QuotaAsync(CloudApi.Network, new JsonObject
        {
            ["network"] = 1, ["subnet"] = 2, ["router"] = 0, ["port"] = 7, ["security_group"] = 2,
            ["security_group_rule"] = 10,
        }, Ct);
        // One address, which somebody takes.
        var pool = await _project.PoolAsync(1, Ct);
        var external = (await _project.AsAdmin.Neutron.NetworksAsync(Ct)).Single(n => n.Name == pool).Id;
        await _project.AsAdmin.Neutron.CreatePortAsync(new NewPort("taken", external), Ct);
        var asked = Servers.Select(s => s.Name switch
        {
            "db1" => s with { Cloud = s.Cloud! with { Flavor = new CloudFlavor("m1.xlarge", 64, 1 << 20, 0, 0, 0) } },
            "web2" => s with { Cloud = s.Cloud! with { Disks = [s.Cloud.Disks[0] with { Type = "gold" }] } },
            _ => s,
        }).ToList();

        using var site = Open(_project.Options() with
        {
            Map = new RecoveryMap { FloatingPools = new Dictionary<string, string> { ["public"] = pool } },
        });
        var fit = await site.FitAsync(asked, isolated: false, Ct);
        foreach (var gap in fit.Gaps) output.WriteLine(gap);
        Assert.Contains(fit.Gaps, g => g.StartsWith("db1: no flavor has 64 vCPU", StringComparison.Ordinal));
        Assert.Contains(fit.Gaps, g => g.StartsWith("web2: volume type 'gold' is unknown", StringComparison.Ordinal));
        string[] wanted =
        [
            "db1, app1, app2, web1, web2: quota of Nova: 5 instances wanted, 4 of 4 free",
            "db1, app1, app2, web1, web2: quota of Cinder: 5 volumes wanted, 3 of 3 free",
            "db1, app1: quota of Neutron: 2 network wanted, 1 of 1 free",
            "db1: quota of Neutron: 1 router wanted, 0 of 0 free",
            "db1, app1: quota of Neutron: 3 subnet wanted, 2 of 2 free",
            // Six of servers, three of the router, two of DHCP servers.
            "db1, app1, app2, web1, web2: quota of Neutron: 11 port wanted, 7 of 7 free",
            // The group `default` is one, with four rules.
            "db1: quota of Neutron: 2 security_group wanted, 1 of 2 free",
            "db1: quota of Neutron: 9 security_group_rule wanted, 6 of 10 free",
            // As a member: it was tried, and none was free. A router takes one, too.
            $"db1, web1: floating pool '{pool}' is used up: 2 wanted, 0 free",
        ];
        Assert.Empty(wanted.Except(fit.Gaps));
        Assert.Contains(fit.Gaps, g => g.Contains("quota of Nova") && g.Contains("ram wanted, 600 of 600 free"));
        await _project.QuotaAsync(CloudApi.Network, new JsonObject { ["floatingip"] = 0 }, Ct);
        fit = await site.FitAsync(asked, isolated: false, Ct);
        Assert.Contains("web1: quota of Neutron: 1 floatingip wanted, 0 of 0 free", fit.Gaps);
        // Before Neutron looks for an address it looks at the quota: now the pool cannot be tried.
        Assert.Contains(fit.Notes, n => n.Contains($"pool '{pool}'") && n.EndsWith("(options.adminCloud)",
            StringComparison.Ordinal));
        Assert.Empty(await _project.ListAsync(Ct));
    }

    [Fact]
    public async Task A_pool_with_too_few_addresses_is_a_gap_where_the_driver_may_ask_and_untold_where_it_may_not()
    {
        _project = await EmptyProject.MakeAsync(Ct);
        var pool = await _project.PoolAsync(1, Ct);
        var options = _project.Options() with
        {
            Map = new RecoveryMap { FloatingPools = new Dictionary<string, string> { ["public"] = pool } },
        };
        using (var member = Open(options))
        {
            var fit = await member.FitAsync(Servers, isolated: false, Ct);
            Assert.Empty(fit.Gaps);
            Assert.Contains(fit.Notes, n => n.Contains($"pool '{pool}'") && n.EndsWith("; one is",
                StringComparison.Ordinal));
            // In a bubble there is nothing that would need one, and no router.
            Assert.DoesNotContain((await member.FitAsync(Servers, isolated: true, Ct)).Notes, n => n.Contains(pool));
        }
        using var told = Open(options with { AdminCloud = "admin" });
        Assert.Equal([$"db1, web1: floating pool '{pool}' is used up: 2 wanted, 1 free"],
            (await told.FitAsync(Servers, isolated: false, Ct)).Gaps);
        Assert.Empty(await _project.ListAsync(Ct));
    }

    [Fact]
    public async Task Networks_are_made_once_by_builders_at_once_or_cut_short_and_go_when_nothing_is_on_them()
    {
        _project = await EmptyProject.MakeAsync(Ct);
        var cloud = _project.Cloud;
        var map = CloudMapper.Map(Servers, await cloud.InventoryAsync(Ct), new RecoveryMap());
        var orders = Servers.Zip(map.Servers, (s, m) => new BuildOrder(s.Name, s.Name, s, m,
            new Dictionary<string, string>(), new HashSet<string>(), "")).ToList();
        // Killed at about every request, as controllers are.
        for (var after = 200; after < 3000; after += 700)
        {
            using var killed = CancellationTokenSource.CreateLinkedTokenSource(Ct);
            killed.CancelAfter(after);
            try
            {
                await Builder().MakeAsync(orders[1], killed.Token);
            }
            catch (OperationCanceledException)
            {
                output.WriteLine($"cut short after {after} ms: {string.Join(", ", await _project.ListAsync(Ct))}");
            }
        }
        var made = await Task.WhenAll(orders.Select(o => Builder().MakeAsync(o, Ct)));
        Assert.Equal(2, made.SelectMany(m => m.Values).Distinct().Count());
        var own = (await cloud.Neutron.NetworksAsync(Ct)).Where(n => n.ProjectId == _project.Id).ToList();
        Assert.Equal(["back", "front"], own.Select(n => n.Name).Order());
        Assert.All(own, n => Assert.True(Made.IsOurs(n.Description) && !Made.IsBegun(n.Description)));
        var router = Assert.Single(await cloud.Neutron.RoutersAsync(Ct), r => r.ProjectId == _project.Id);
        Assert.Equal(new NeutronRoute("198.51.100.0/24", ThreeTiers.Database), Assert.Single(router.Routes!));
        var places = (await cloud.Neutron.PortsAsync(router.Id, Ct)).Where(p => p.IsRouter())
            .Select(p => string.Join("+", (p.FixedIps ?? []).Select(f => f.IpAddress))).ToList();
        Assert.True(places.Count == 3, $"{places.Count}: {string.Join(", ", places)}");

        // Somebody's port keeps its network, and that the router.
        var back = own.Single(n => n.Name == "back").Id;
        var port = await cloud.Neutron.CreatePortAsync(new NewPort("somebody's", back), Ct);
        await Builder().RemoveUnusedAsync([], Ct);
        Assert.Equal(["network back", "router gate"], (await _project.ListAsync(Ct)).Where(l => l[..4] != "port"));
        await cloud.Neutron.DeletePortAsync(port.Id, Ct);
        await Builder().RemoveUnusedAsync([], Ct);
        Assert.Empty(await _project.ListAsync(Ct));
    }

    private NetworkBuilder Builder() =>
        new(_project!.Cloud, TimeProvider.System, NullLogger<NetworkBuilder>.Instance);

    private OpenStackSite Open(OpenStackSiteOptions options) => new(
        new SiteSetting(_project!.Folder, Testbed.Written(options)), TimeProvider.System, NullLoggerFactory.Instance);
}
