// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Contracts.Peers;
using Lifeboat.Protection.Instances;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Plans;
using Lifeboat.Recovery.Runs;
using Lifeboat.Recovery.Sides;
using Lifeboat.Recovery.Steps;
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Testing.Recovery;
using Lifeboat.Testing.Sites;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// The servers of <see cref="ThreeTiers"/> in an empty project of a real cloud: brought up there by a real run whose
/// every volume comes from the oracle's image, and compared with what they were described as.
/// </summary>
internal sealed class TieredServers : IDisposable
{
    private readonly EmptyProject _project;
    private readonly Process _view;

    private TieredServers(EmptyProject project, OpenStackSite site, Process view, IOwnSide here, Runner runner) =>
        (_project, Site, _view, Here, Runner) = (project, site, view, here, runner);

    public OpenStackSite Site { get; }
    public IOwnSide Here { get; }
    public Runner Runner { get; }

    public static async Task<TieredServers> InAsync(EmptyProject project, CancellationToken ct)
    {
        var network = new AgentNetwork();
        var (a, b) = (Double("a", network), Double("b", network));
        foreach (var side in new[] { a, b }) await side.SetGroupAsync(ThreeTiers.Definition, ct);
        await b.AcceptReplicaAsync(ThreeTiers.Group, new AcceptReplicaRequest(Seeded: false), ct);
        await a.StartSourceAsync(ThreeTiers.Group, ct);
        await a.SourceAsync(ThreeTiers.Group, ct);
        var (view, socket) = OracleView.Serve(project.Folder);
        var site = new OpenStackSite(new SiteSetting(project.Folder, Testbed.Written(project.Options())),
            TimeProvider.System, NullLoggerFactory.Instance);
        var here = CloudSide.Of(b, site, socket, OracleView.Export);
        return new TieredServers(project, site, view, here, new Runner(new InMemoryRunStore(), here,
            _ => throw new InvalidOperationException("not asked"), StepCatalog.Shipped(), RunnerOptions.Default,
            Guid.NewGuid, TimeProvider.System, NullLogger<Runner>.Instance));
    }

    /// <summary>A failover of all five.</summary>
    public async Task<Run> RecoverAsync(CancellationToken ct)
    {
        var created = await Runner.CreateAsync(RunKind.Failover, ThreeTiers.Definition, RunInput.None,
            protectedNow: true, ct);
        return await Runner.ExecuteAsync(created.Id, ct);
    }

    public async Task RemoveAsync(CancellationToken ct)
    {
        foreach (var member in ThreeTiers.Definition.Members.Reverse()) await Site.RemoveAsync(member.Instance, ct);
        // What others may name by now stays, and costs nothing.
        Assert.Equal(["security group data", "security group web"], (await _project.ListAsync(ct)).Order());
        await _project.RemoveGroupsAsync(ct);
        Assert.Empty(await _project.ListAsync(ct));
    }

    /// <summary>Described again, they are what they were: addresses, MACs, groups and their rules, networks,
    /// routers.</summary>
    /// <returns>Where the networks' DHCP servers are.</returns>
    public static async Task<IReadOnlyList<string>> CompareAsync(EmptyProject project, CancellationToken ct)
    {
        var inventory = await project.Cloud.InventoryAsync(ct);
        var servers = await project.Cloud.Nova.ServersAsync(ct);
        foreach (var member in ThreeTiers.Definition.Members)
        {
            var facts = await ServerFacts.ReadAsync(project.Cloud,
                servers.Single(s => s.Name == member.Instance), ct);
            var now = ServerDescriber.Describe(member.Instance, facts, inventory).Cloud!;
            var was = member.Description.Cloud!;
            Assert.Equal(was.Ports.Select(Written).Order(), now.Ports.Select(Written).Order());
            Assert.Equal(was.Networks.Select(Written).Order(), now.Networks.Select(Written).Order());
            var groups = was.SecurityGroups.ToDictionary(g => g.Name);
            foreach (var group in now.SecurityGroups)
            {
                Assert.Equal(groups[group.Name].Note ?? "", group.Note ?? "");
                Assert.Equal(groups[group.Name].Rules.Select(SecurityRules.Signature).Order(),
                    group.Rules.Select(SecurityRules.Signature).Order());
            }
        }
        Assert.Single(inventory.Routers, r => r.ProjectId == project.Id);
        var dhcp = inventory.DhcpPorts.SelectMany(p => p.FixedIps!).Select(f => f.IpAddress).OfType<string>().ToList();
        Assert.Contains(ThreeTiers.Back.Subnets[0].DhcpAddresses[0], dhcp);
        return dhcp;
    }

    /// <summary>A tier is asked for only when the guests of the one before have answered.</summary>
    /// <returns>When each server was asked for, in that order.</returns>
    public static async Task<IReadOnlyList<string>> InOrderAsync(EmptyProject project, CancellationToken ct)
    {
        var begun = (await project.Cloud.Nova.ServersAsync(ct)).ToDictionary(s => s.Name, s => s.Created);
        var tiers = ThreeTiers.Definition.Members.GroupBy(m => m.BootOrder).OrderBy(t => t.Key).ToList();
        Assert.Equal(3, tiers.Count);
        foreach (var (tier, next) in tiers.Zip(tiers.Skip(1)))
            Assert.True(tier.Max(m => begun[m.Instance]) < next.Min(m => begun[m.Instance]));
        return [.. begun.OrderBy(b => b.Value).Select(b => $"{b.Key} {b.Value:HH:mm:ss}")];
    }

    public void Dispose()
    {
        Site.Dispose();
        _view.Kill();
        _view.Dispose();
    }

    private static string Written(CloudPort port) => $"{port.Network} {port.Mac} "
        + $"{string.Join(',', port.Addresses.Select(a => a.Address).Order())} "
        + $"{string.Join(',', port.SecurityGroups.Order())} {port.PortSecurity} "
        + string.Join(',', port.Floating.Select(f => $"{f.Pool}->{f.To}"));

    private static string Written(CloudNetwork network) => $"{network.Name} {network.Own} {network.PortSecurity} "
        + (network.Name == ThreeTiers.Back.Name ? $"{network.Mtu} " : "")
        + string.Join("; ", network.Subnets.OrderBy(s => s.Cidr).Select(s => $"{s.Name} {s.Cidr} {s.Gateway} {s.Dhcp} "
            + $"{string.Join(',', s.DnsServers)} {string.Join(',', s.Pools)} {string.Join(',', s.Routes)} "
            + $"{s.Ipv6AddressMode} {s.Ipv6RaMode}"))
        + string.Join("; ", network.Routers.Select(r => $"{r.Name} {r.External} {r.Snat} {string.Join(',', r.Routes)} "
            + string.Join(',', r.Addresses.OrderBy(a => a.Address))));

    private static SimulatedSide Double(string name, AgentNetwork network) => new(name,
        new SimulatedSite(name, TimeProvider.System),
        new AgentDouble(name, "link-" + name, network, TimeProvider.System, Guid.NewGuid), other => "link-" + other);
}
