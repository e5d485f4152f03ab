// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Lifeboat.Agent.Capture;
using Lifeboat.Agent.Processes;
using Lifeboat.Benchmarks.Capture;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller;
using Lifeboat.Nbd;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Benchmarks.Opening;

/// <summary>
/// Agents as in production, each with a QEMU of its own that has some disks without latency, all of them protected to
/// one recovery site and written to.
/// </summary>
internal sealed class HeldFleet : IAsyncDisposable
{
    private const int Block = 4096;
    // Each attach hears of all disks of its QEMU, and all share the CPUs.
    private static readonly TimeSpan Ready = TimeSpan.FromMinutes(5);

    private readonly List<Process> _processes = [];
    private readonly List<AgentClient> _clients = [];
    private readonly List<int> _agents = [];
    private readonly List<int> _qemus = [];
    private readonly List<NbdClient> _writers = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly SitePaths _recovery;
    private Task _writing = Task.CompletedTask;
    private long _writes;

    private HeldFleet(string folder) => _recovery = Init(Path.Combine(folder, "r"), "recovery");

    /// <summary>Of the sources, each with its group.</summary>
    public IReadOnlyList<(AgentClient Agent, string Group)> Sources =>
        [.. _clients.Skip(1).Select((client, i) => (client, GroupOf(i)))];
    public long Writes => Volatile.Read(ref _writes);
    public int RecoveryAgent => _agents[0];
    public int SourceAgent => _agents[1];
    /// <summary>The source's; null: there are no disks.</summary>
    public int? Qemu => _qemus.Count > 0 ? _qemus[0] : null;
    /// <summary>Megabytes that it had in memory before its disks were protected.</summary>
    public double QemuBefore { get; private set; }

    /// <summary>Returns when all of them stream.</summary>
    public static async Task<HeldFleet> StartAsync(string folder, int agents, int disks)
    {
        var fleet = new HeldFleet(folder);
        try
        {
            await fleet.StartAgentAsync(fleet._recovery);
            for (var i = 0; i < agents; i++)
            {
                var site = Init(Path.Combine(folder, $"s{i}"), $"site-{i}");
                File.Copy(site.CaCertificate, fleet._recovery.TrustAnchor($"site-{i}"));
                File.Copy(fleet._recovery.CaCertificate, site.TrustAnchor("recovery"));
                if (disks == 0) await fleet.StartAgentAsync(site);
                else await fleet.AddAsync(site, i, disks / agents);
            }
            if (disks == 0) return fleet;
            foreach (var (agent, group) in fleet.Sources) await StreamingAsync(agent, group);
            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    /// <summary>A few writes at a time to every disk, then a moment of something else, as guests do.</summary>
    public void BeginWriting() => _writing = Task.WhenAll(_writers.Select(WriteAsync));

    public async Task EndWritingAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await _writing;
        }
        catch (Exception e) when (e is OperationCanceledException or NbdException)
        {
            // It was told to stop.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await EndWritingAsync();
        foreach (var writer in _writers) await writer.DisposeAsync();
        foreach (var client in _clients) client.Dispose();
        foreach (var process in Enumerable.Reverse(_processes))
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
        _stop.Dispose();
    }

    private static string GroupOf(int source) => $"bench-{source}";

    private async Task AddAsync(SitePaths site, int number, int disks)
    {
        var (agent, group) = (await StartAgentAsync(site), GroupOf(number));
        var machine = Path.Combine(site.Root, "vm");
        Directory.CreateDirectory(machine);
        var qmp = Path.Combine(machine, "qmp");
        var load = QemuMonitors.PullSocket(site.Run, qmp); // a QEMU has one NBD server, and capture needs it too
        var qemu = await LoadedQemu.BootManyAsync(machine, load, disks);
        _processes.Add(qemu);
        _qemus.Add(qemu.Id);
        if (number == 0) QemuBefore = Figures.ResidentMegabytes(qemu.Id);
        var recovery = _clients[0];
        await recovery.PutReplicaAsync(new ReplicaSpec
        {
            Group = group, PrimarySite = $"site-{number}", Epoch = Epoch.First, Retention = TimeSpan.FromSeconds(10),
            Volumes = [.. Enumerable.Range(0, disks).Select(d =>
                new ReplicaVolume((ushort)d, $"vm.disk{d}", LoadedQemu.ManyDiskBytes))],
        }, default);
        await agent.PutSourceAsync(new SourceSpec
        {
            Group = group, RecoverySite = "recovery", Epoch = Epoch.First,
            Target = SiteConfiguration.Read(_recovery.Root).LinkListen,
            Volumes = [.. Enumerable.Range(0, disks).Select(d =>
                new SourceVolume((ushort)d, $"vm.disk{d}", "vm", qmp, $"front{d}", LoadedQemu.ManyDiskBytes))],
            Instances = [new SourceInstance("vm", qmp, null)],
            Policy = Policy.Default,
        }, default);
        for (var d = 0; d < disks; d++)
            _writers.Add(await NbdClient.ConnectAsync(
                new UnixDomainSocketEndPoint(load), new NbdClientOptions { Export = $"disk{d}" }, default));
    }

    private async Task WriteAsync(NbdClient disk)
    {
        var data = new byte[Block];
        Random.Shared.NextBytes(data);
        for (long i = 0; !_stop.IsCancellationRequested; i++)
        {
            await disk.WriteAsync(i * Block % LoadedQemu.ManyDiskBytes, data, fua: false, _stop.Token);
            Interlocked.Increment(ref _writes);
            // All of them together about two thousand a second: QEMUs, agents and journal share the CPUs with them.
            if (i % 4 == 3) await Task.Delay(2 * _writers.Count, _stop.Token);
        }
    }

    private static async Task StreamingAsync(AgentClient agent, string group)
    {
        for (var waited = Stopwatch.StartNew(); waited.Elapsed < Ready; await Task.Delay(50))
            if ((await agent.SourceAsync(group, default)).Phase == SourcePhase.Streaming) return;
        throw new InvalidOperationException($"{group} does not stream: {await agent.SourceAsync(group, default)}");
    }

    private async Task<AgentClient> StartAgentAsync(SitePaths site)
    {
        // As a site starts its agents: `nice` goes on where it may not.
        var info = new ProcessStartInfo("nice",
            ["-n", "-5", SelfProcess.Program, .. SelfProcess.Arguments("agent-serve", site.Root)])
        {
            RedirectStandardError = true,
        };
        Launcher.SpareArenas(info);
        var process = Process.Start(info)!;
        process.BeginErrorReadLine();
        _processes.Add(process);
        _agents.Add(process.Id);
        var client = new AgentClient(site.AgentSocket);
        _clients.Add(client);
        while (!process.HasExited)
        {
            try
            {
                await client.StatusAsync(default);
                return client;
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
