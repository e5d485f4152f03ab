// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Net.Sockets;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller;
using Lifeboat.Protection.Instances;
using Lifeboat.Testing.Recovery;
using Lifeboat.Testing.Sites;
using Lifeboat.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Tests.Controller;

/// <summary>
/// A site directory with a real controller in this process (Kestrel, TLS, SQLite), a fake agent and a simulated site.
/// </summary>
internal sealed class TestSite : IAsyncDisposable
{
    private readonly SiteConfiguration _configuration;
    private WebApplication? _controller;
    private readonly AgentNetwork _network;
    private readonly Dictionary<string, WebApplication> _further = [];
    private WebApplication? _agent;

    private TestSite(string root, SiteConfiguration configuration, AgentNetwork network)
    {
        _network = network;
        (Paths, _configuration) = (new SitePaths(root), configuration);
        Site = new SimulatedSite(configuration.Name, TimeProvider.System);
        Agent = new AgentDouble(configuration.Name, configuration.LinkListen, network, TimeProvider.System,
            Guid.NewGuid);
        Client = new ControllerClient(Paths.ControllerSocket);
    }

    public SitePaths Paths { get; }
    public SimulatedSite Site { get; }
    public AgentDouble Agent { get; }
    public ControllerClient Client { get; }
    /// <summary>Request ids that its agent was asked with.</summary>
    public ConcurrentQueue<string> AgentRequests { get; } = [];
    public string Name => _configuration.Name;
    /// <summary>What the controller is made of, while it runs.</summary>
    public IServiceProvider Services => _controller!.Services;
    public IEnumerable<Endpoint> Endpoints =>
        ((IEndpointRouteBuilder)_controller!).DataSources.SelectMany(s => s.Endpoints);
    public string Url => $"https://{_configuration.ControllerListen}";

    /// <summary>`address:port` of the listener for machines; null: there is none.</summary>
    public string? MetricsAddress => _configuration.ControllerMetricsListen;

    /// <param name="found">What is done to its directory before anything of it starts.</param>
    public static async Task<TestSite> StartAsync(string name, AgentNetwork network, string? advertise = null,
        string? database = null, Action<SitePaths>? found = null)
    {
        var root = Directory.CreateTempSubdirectory("lb-" + name).FullName;
        SiteInitializer.Init(root, name, $"127.0.0.1:{FreePort.Next()}", $"127.0.0.1:{FreePort.Next()}", advertise,
            database);
        found?.Invoke(new SitePaths(root));
        var site = new TestSite(root, SiteConfiguration.Read(root) with
        {
            ControllerMetricsListen = $"127.0.0.1:{FreePort.Next()}",
        }, network);
        try
        {
            site._agent = await FakeAgent.StartAsync(site.Agent, site.Paths.AgentSocket, site.AgentRequests);
            await site.StartControllerAsync();
            return site;
        }
        catch
        {
            // Nobody gets one that does not start.
            await site.DisposeAsync();
            throw;
        }
    }

    /// <summary>One more controller, as `lifeboat controller add` makes it; it runs in this process too.</summary>
    public async Task<(ControllerClient Client, WebApplication Controller)> AddControllerAsync(string controller)
    {
        var configuration = new ControllerConfiguration(controller, $"127.0.0.1:{FreePort.Next()}");
        var place = SiteInitializer.AddController(Paths.Root, configuration, TimeProvider.System);
        var added = await ControllerHost.StartAsync(place, SiteConfiguration.Read(place.Root), (_, _, _, _) => Site,
            TimeProvider.System, TestContext.Current.CancellationToken);
        return (new ControllerClient(place.ControllerSocket), added);
    }

    /// <summary>One more agent, as `lifeboat agent add` makes it.</summary>
    public async Task<AgentDouble> AddHostAsync(string host)
    {
        var configuration = new AgentConfiguration(host, $"127.0.0.1:{FreePort.Next()}");
        var place = SiteInitializer.AddAgent(Paths.Root, configuration, TimeProvider.System);
        var agent = new AgentDouble(Name, configuration.LinkListen, _network, TimeProvider.System, Guid.NewGuid);
        await StartHostAsync(host, agent, place);
        return agent;
    }

    public Task StartHostAsync(string host, AgentDouble agent) => StartHostAsync(host, agent, Paths.OfHost(host));

    public async Task StopHostAsync(string host)
    {
        if (_further.Remove(host, out var agent)) await agent.DisposeAsync();
    }

    private async Task StartHostAsync(string host, AgentDouble agent, SitePaths place) =>
        _further[host] = await FakeAgent.StartAsync(agent, place.AgentSocket);

    public async Task StartControllerAsync() => _controller = await ControllerHost.StartAsync(Paths, _configuration,
        (_, _, _, _) => Site, TimeProvider.System, TestContext.Current.CancellationToken);

    public async Task StopControllerAsync()
    {
        if (_controller is null) return;
        await _controller.StopAsync(TestContext.Current.CancellationToken);
        await _controller.DisposeAsync();
        _controller = null;
    }

    /// <summary>Its agent, and nothing else, is gone.</summary>
    public async Task StopAgentAsync()
    {
        if (_agent is not null) await _agent.DisposeAsync();
        _agent = null;
    }

    /// <summary>A guest that somebody else started.</summary>
    public string RunGuest(string name, params string[] disks)
    {
        var kernel = Path.Combine(Paths.Root, "vmlinuz");
        File.WriteAllText(kernel, "kernel of " + name);
        var qmp = $"/{name}/qmp.sock";
        Site.RunUnmanaged(new InstanceDescription
        {
            Name = name,
            Cpus = 1,
            MemoryMiB = 256,
            GuestAgent = true,
            Kernel = new KernelBoot(kernel, null, "console=ttyS0"),
            Disks = [.. disks.Select((d, i) => new InstanceDisk(d, "virtio", i, 8 << 20, null))],
            Nics = [new InstanceNic("default", "virtio-net-pci", "52:54:00:00:00:01", "10.0.2.15")],
        }, qmp, $"/{name}/qga.sock");
        return qmp;
    }

    public async ValueTask DisposeAsync()
    {
        await StopControllerAsync();
        if (_agent is not null) await _agent.DisposeAsync();
        foreach (var agent in _further.Values) await agent.DisposeAsync();
        Client.Dispose();
        Directory.Delete(Paths.Root, recursive: true);
    }
}
