// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Lifeboat.Agent.Capture;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Benchmarks.Capture;

/// <summary>A disk that is protected as in production: two agents, each a process, TLS between, a journal.</summary>
internal sealed class CapturedDisk : IAsyncDisposable
{
    private const string Group = "bench";
    private readonly List<Process> _agents = [];
    private readonly SitePaths _a, _b;
    private readonly AgentClient _source;

    private CapturedDisk(string folder)
    {
        _a = Init(Path.Combine(folder, "a"), "site-a");
        _b = Init(Path.Combine(folder, "b"), "site-b");
        File.Copy(_a.CaCertificate, _b.TrustAnchor("site-a"));
        File.Copy(_b.CaCertificate, _a.TrustAnchor("site-b"));
        _source = new AgentClient(_a.AgentSocket);
    }

    public LoadedQemu? Qemu { get; private set; }
    public int SourceAgent => _agents[0].Id;

    public static async Task<CapturedDisk> StartAsync(string folder, long outboxBytes)
    {
        var disk = new CapturedDisk(folder);
        disk.Qemu = await LoadedQemu.StartAsync(Path.Combine(folder, "vm"),
            QemuMonitors.PullSocket(disk._a.Run, Path.Combine(folder, "vm", "qmp")));
        await disk.ProtectAsync(disk.Qemu, outboxBytes);
        return disk;
    }

    /// <summary>Until everything is durable on the other side; false when capture was given up meanwhile.</summary>
    public async Task<bool> SettleAsync()
    {
        try
        {
            var now = await _source.DrainAsync(Group, new DrainRequest(TimeSpan.FromSeconds(60)), default);
            return now is { Phase: SourcePhase.Streaming, Attaches: 1 };
        }
        catch (ProblemException)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Qemu is { } qemu) await qemu.DisposeAsync();
        foreach (var agent in _agents)
        {
            if (!agent.HasExited) agent.Kill();
            await agent.WaitForExitAsync();
            agent.Dispose();
        }
        _source.Dispose();
    }

    private async Task ProtectAsync(LoadedQemu qemu, long outboxBytes)
    {
        using var replica = new AgentClient(_b.AgentSocket);
        await StartAgentAsync(_a, _source);
        await StartAgentAsync(_b, replica);
        await replica.PutReplicaAsync(new ReplicaSpec
        {
            Group = Group, PrimarySite = "site-a", Epoch = Epoch.First, Retention = TimeSpan.FromSeconds(10),
            Volumes = [new ReplicaVolume(0, "vm.disk", LoadedQemu.DiskBytes)],
        }, default);
        await _source.PutSourceAsync(new SourceSpec
        {
            Group = Group, RecoverySite = "site-b", Epoch = Epoch.First,
            Target = SiteConfiguration.Read(_b.Root).LinkListen,
            Volumes = [new SourceVolume(0, "vm.disk", "vm", qemu.QmpSocket, "front0", LoadedQemu.DiskBytes)],
            Instances = [new SourceInstance("vm", qemu.QmpSocket, null)],
            Policy = Policy.Default with { OutboxBytes = outboxBytes },
        }, default);
        while ((await _source.SourceAsync(Group, default)).Phase != SourcePhase.Streaming) await Task.Delay(50);
    }

    private async Task StartAgentAsync(SitePaths site, AgentClient client)
    {
        var info = new ProcessStartInfo(SelfProcess.Program, SelfProcess.Arguments("agent-serve", site.Root))
        {
            RedirectStandardError = true,
        };
        var agent = Process.Start(info)!;
        agent.BeginErrorReadLine();
        _agents.Add(agent);
        while (!agent.HasExited)
        {
            try
            {
                await client.StatusAsync(default);
                return;
            }
            catch (ProblemException e) when (e.Reason == ReasonCode.AgentUnreachable)
            {
                await Task.Delay(50);
            }
        }
        throw new InvalidOperationException($"the agent of {site.Root} did not start");
    }

    private static SitePaths Init(string directory, string name)
    {
        SiteInitializer.Init(directory, name, $"127.0.0.1:{FreePort()}", $"127.0.0.1:{FreePort()}");
        return new SitePaths(directory);
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
