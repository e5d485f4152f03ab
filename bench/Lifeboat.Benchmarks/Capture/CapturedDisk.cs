// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Lifeboat.Agent.Capture;
using Lifeboat.Agent.Processes;
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
    public const string FirstGroup = "bench";
    private readonly Process?[] _agents = [null, null];
    private readonly SitePaths[] _sites;
    private string _group = FirstGroup;

    private CapturedDisk(string folder)
    {
        var (a, b) = (Init(Path.Combine(folder, "a"), "site-a"), Init(Path.Combine(folder, "b"), "site-b"));
        File.Copy(a.CaCertificate, b.TrustAnchor("site-a"));
        File.Copy(b.CaCertificate, a.TrustAnchor("site-b"));
        _sites = [a, b];
        Source = new AgentClient(a.AgentSocket);
        Replica = new AgentClient(b.AgentSocket);
    }

    private string Machine => Path.Combine(Path.GetDirectoryName(_sites[0].Root)!, "vm");
    private string PullSocket => QemuMonitors.PullSocket(_sites[0].Run, Path.Combine(Machine, "qmp"));

    public string Group => _group;
    public SitePaths RecoverySite => _sites[1];
    public LoadedQemu? Qemu { get; private set; }
    public int SourceAgent => _agents[0]!.Id;
    public int ReplicaAgent => _agents[1]!.Id;
    /// <summary>How long the last wait for streaming saw the source at its first sync.</summary>
    public TimeSpan Syncing { get; private set; }
    public AgentClient Source { get; }
    public AgentClient Replica { get; }

    /// <summary>Both agents and a QEMU, nothing protected yet.</summary>
    public static async Task<CapturedDisk> PrepareAsync(
        string folder, bool filled = false, long sizeBytes = LoadedQemu.DiskBytes)
    {
        var disk = new CapturedDisk(folder);
        disk.Qemu = await LoadedQemu.StartAsync(disk.Machine, disk.PullSocket, filled, sizeBytes);
        await disk.StartAgentAsync(source: true);
        await disk.StartAgentAsync(source: false);
        return disk;
    }

    public static async Task<CapturedDisk> StartAsync(string folder, long outboxBytes)
    {
        var disk = await PrepareAsync(folder);
        await disk.ProtectAsync(FirstGroup, Policy.Default with { OutboxBytes = outboxBytes });
        return disk;
    }

    public Task<SourceStatus> StatusAsync() => Source.SourceAsync(_group, default);

    /// <summary>Returns when the first sync is durable.</summary>
    public async Task ProtectAsync(string group, Policy policy)
    {
        _group = group;
        await Replica.PutReplicaAsync(new ReplicaSpec
        {
            Group = group, PrimarySite = "site-a", Epoch = Epoch.First, Retention = TimeSpan.FromSeconds(10),
            Volumes = [new ReplicaVolume(0, "vm.disk", Qemu!.SizeBytes)],
        }, default);
        await Source.PutSourceAsync(new SourceSpec
        {
            Group = group, RecoverySite = "site-b", Epoch = Epoch.First,
            Target = SiteConfiguration.Read(_sites[1].Root).LinkListen,
            Volumes = [new SourceVolume(0, "vm.disk", "vm", Qemu!.QmpSocket, "front0", Qemu!.SizeBytes)],
            Instances = [new SourceInstance("vm", Qemu.QmpSocket, null)],
            Policy = policy,
        }, default);
        await StreamingAsync();
    }

    public async Task UnprotectAsync()
    {
        await Source.DeleteSourceAsync(_group, uninstall: true, default);
        await Replica.DeleteReplicaAsync(_group, default);
    }

    /// <summary>Until the source streams; an agent that is not back yet is waited for.</summary>
    /// <param name="limit">Null: two minutes.</param>
    public async Task<SourceStatus> StreamingAsync(TimeSpan? limit = null)
    {
        TimeSpan? began = null;
        SourceStatus? last = null;
        var end = limit ?? TimeSpan.FromMinutes(2);
        for (var waited = Stopwatch.StartNew(); waited.Elapsed < end; await Task.Delay(10))
        {
            try
            {
                var now = last = await StatusAsync();
                if (now.Phase == SourcePhase.InitialSync) began ??= waited.Elapsed;
                Syncing = waited.Elapsed - (began ?? waited.Elapsed);
                if (now.Phase == SourcePhase.Streaming) return now;
            }
            catch (ProblemException e) when (e.Reason is ReasonCode.AgentUnreachable or ReasonCode.GroupUnknown)
            {
                // It starts.
            }
        }
        throw new InvalidOperationException($"the source does not stream: {last}");
    }

    /// <summary>Until everything is durable on the other side; false when capture was given up meanwhile.</summary>
    public async Task<bool> SettleAsync()
    {
        try
        {
            var now = await Source.DrainAsync(_group, new DrainRequest(TimeSpan.FromSeconds(60)), default);
            return now is { Phase: SourcePhase.Streaming, Attaches: 1 };
        }
        catch (ProblemException)
        {
            return false;
        }
    }

    public async Task KillAgentAsync(bool source)
    {
        _agents[source ? 0 : 1]!.Kill();
        await GoneAsync(source);
    }

    /// <summary>The source's host is gone, QEMU with its change maps and the agent at once; the disk stays.</summary>
    public async Task CrashHostAsync()
    {
        Qemu!.Kill();
        await KillAgentAsync(source: true);
        await Qemu.DisposeAsync();
    }

    public async Task BootHostAsync()
    {
        Qemu = await LoadedQemu.BootAsync(Machine, PullSocket);
        await StartAgentAsync(source: true);
    }

    /// <summary>As an operator stops it: it lets go in order.</summary>
    public async Task StopAgentAsync(bool source)
    {
        using var asking = Process.Start("kill", ["-TERM", $"{_agents[source ? 0 : 1]!.Id}"]);
        await GoneAsync(source);
    }

    public async Task StartAgentAsync(bool source)
    {
        var (site, client) = (_sites[source ? 0 : 1], source ? Source : Replica);
        var info = new ProcessStartInfo(SelfProcess.Program, SelfProcess.Arguments("agent-serve", site.Root))
        {
            RedirectStandardError = true,
        };
        Launcher.SpareArenas(info);
        var agent = Process.Start(info)!;
        agent.BeginErrorReadLine();
        _agents[source ? 0 : 1] = agent;
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

    public async ValueTask DisposeAsync()
    {
        if (Qemu is { } qemu) await qemu.DisposeAsync();
        if (_agents[0] is not null) await KillAgentAsync(source: true);
        if (_agents[1] is not null) await KillAgentAsync(source: false);
        Source.Dispose();
        Replica.Dispose();
    }

    private async Task GoneAsync(bool source)
    {
        var agent = _agents[source ? 0 : 1]!;
        await agent.WaitForExitAsync();
        agent.Dispose();
        _agents[source ? 0 : 1] = null;
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
