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
using Lifeboat.Testing.Nbd;
using Lifeboat.Testing.Recovery;
using Lifeboat.Testing.Sites;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>Five servers in three tiers on two networks are recovered into a project that has nothing, by a real run on
/// a real cloud.</summary>
public sealed class EmptyProjectRecovery(ITestOutputHelper output) : IAsyncDisposable
{
    private EmptyProject? _project;
    private Process? _view;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        if (_project is not null) await _project.DisposeAsync();
        _view?.Kill();
        _view?.Dispose();
    }

    [Fact]
    public async Task Five_servers_in_three_tiers_come_up_as_they_were_and_go_without_a_trace()
    {
        _project = await EmptyProject.MakeAsync(Ct);
        var start = Stopwatch.GetTimestamp();
        using var site = Open(_project.Options());
        var (here, runner) = await SideAsync(site);
        var fit = await GroupFit.AskAsync(here, ThreeTiers.Definition, RunKind.Failover, reprotects: false, Ct);
        Assert.Empty(fit.Gaps);
        foreach (var note in fit.Notes) output.WriteLine($"note: {note}");
        Say("checked");

        var created = await runner.CreateAsync(RunKind.Failover, ThreeTiers.Definition, RunInput.None,
            protectedNow: true, Ct);
        var run = await runner.ExecuteAsync(created.Id, Ct);
        foreach (var step in run.Steps)
            output.WriteLine($"{step.Name} {step.State} {step.FinishedAt - step.StartedAt}: "
                + string.Join("; ", step.Evidence.Concat(step.Warnings)));
        Assert.Equal((RunState.Succeeded, null), (run.State, run.Detail));
        Say("recovered");

        await AsDescribedAsync();
        await InOrderAsync(run);
        Say("compared");
        foreach (var member in ThreeTiers.Definition.Members.Reverse()) await site.RemoveAsync(member.Instance, Ct);
        Say("removed");
        // What others may name by now stays, and costs nothing.
        Assert.Equal(["security group data", "security group web"], (await _project.ListAsync(Ct)).Order());
        await _project.RemoveGroupsAsync(Ct);
        Assert.Empty(await _project.ListAsync(Ct));

        void Say(string what) =>
            output.WriteLine($"{what} after {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
    }

    // Described again, the servers are what they were: addresses, MACs, groups and their rules, networks, routers.
    private async Task AsDescribedAsync()
    {
        var inventory = await _project!.Cloud.InventoryAsync(Ct);
        var servers = await _project.Cloud.Nova.ServersAsync(Ct);
        foreach (var member in ThreeTiers.Definition.Members)
        {
            var facts = await ServerFacts.ReadAsync(_project.Cloud,
                servers.Single(s => s.Name == member.Instance), Ct);
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
        var dhcp = inventory.DhcpPorts.SelectMany(p => p.FixedIps!).Select(f => f.IpAddress).ToList();
        Assert.Contains(ThreeTiers.Back.Subnets[0].DhcpAddresses[0], dhcp);
        output.WriteLine($"DHCP servers are at {string.Join(", ", dhcp)}");
        Assert.Single(inventory.Routers, r => r.ProjectId == _project.Id);
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

    // A tier is asked for only when the guests of the one before have answered.
    private async Task InOrderAsync(Run run)
    {
        Assert.All(run.Steps, s => Assert.Empty(s.Warnings));
        var begun = (await _project!.Cloud.Nova.ServersAsync(Ct)).ToDictionary(s => s.Name, s => s.Created);
        output.WriteLine("built at " + string.Join(", ", begun.OrderBy(b => b.Value)
            .Select(b => $"{b.Key} {b.Value:HH:mm:ss}")));
        var tiers = ThreeTiers.Definition.Members.GroupBy(m => m.BootOrder).OrderBy(t => t.Key).ToList();
        Assert.Equal(3, tiers.Count);
        foreach (var (tier, next) in tiers.Zip(tiers.Skip(1)))
            Assert.True(tier.Max(m => begun[m.Instance]) < next.Min(m => begun[m.Instance]));
    }

    private async Task<(IOwnSide Here, Runner Runner)> SideAsync(OpenStackSite site)
    {
        var network = new AgentNetwork();
        var (a, b) = (Double("a", network), Double("b", network));
        foreach (var side in new[] { a, b }) await side.SetGroupAsync(ThreeTiers.Definition, Ct);
        await b.AcceptReplicaAsync(ThreeTiers.Group, new AcceptReplicaRequest(Seeded: false), Ct);
        await a.StartSourceAsync(ThreeTiers.Group, Ct);
        await a.SourceAsync(ThreeTiers.Group, Ct);
        var socket = Path.Combine(_project!.Folder, "view.sock");
        _view = LastingStarter.Start(new ProcessStartInfo("qemu-nbd", ["-r", "-t", "-e", "16", "-f", "qcow2",
            "-k", socket, "-x", "vda", Path.Combine(Testbed.Folder, "oracle.qcow2")]));
        var here = CloudSide.Of(b, site, socket, "vda");
        return (here, new Runner(new InMemoryRunStore(), here, _ => throw new InvalidOperationException("not asked"),
            StepCatalog.Shipped(), RunnerOptions.Default, Guid.NewGuid, TimeProvider.System,
            NullLogger<Runner>.Instance));
    }

    private static SimulatedSide Double(string name, AgentNetwork network) => new(name,
        new SimulatedSite(name, TimeProvider.System),
        new AgentDouble(name, "link-" + name, network, TimeProvider.System, Guid.NewGuid), other => "link-" + other);

    private OpenStackSite Open(OpenStackSiteOptions options) => new(
        new SiteSetting(_project!.Folder, Testbed.Written(options)), TimeProvider.System, NullLoggerFactory.Instance);
}
