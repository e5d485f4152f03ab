// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Lifeboat.Agent;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller;
using Lifeboat.Protection;
using Lifeboat.Testing;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>A site directory with an agent that runs inside the test's process.</summary>
internal sealed class AgentSite : IAsyncDisposable
{
    private CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    public AgentSite(string name)
    {
        Name = name;
        Paths = new SitePaths(Directory.CreateTempSubdirectory("lb-").FullName);
        SiteInitializer.Init(Paths.Root, name, $"127.0.0.1:{FreePort.Next()}", $"127.0.0.1:{FreePort.Next()}");
        LinkAddress = SiteConfiguration.Read(Paths.Root).LinkListen;
        Client = new AgentClient(Paths.AgentSocket);
    }

    public string Name { get; }
    public SitePaths Paths { get; }
    public string LinkAddress { get; }
    public AgentClient Client { get; }

    public static void Pair(AgentSite a, AgentSite b)
    {
        File.Copy(a.Paths.CaCertificate, b.Paths.TrustAnchor(a.Name), overwrite: true);
        File.Copy(b.Paths.CaCertificate, a.Paths.TrustAnchor(b.Name), overwrite: true);
    }

    public async Task StartAsync()
    {
        _stop = new CancellationTokenSource();
        _running = AgentHost.RunAsync(Paths.Root, _stop.Token);
        await WaitUpAsync(() => _running);
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
    }

    public async Task WaitUpAsync(Func<Task> running)
    {
        for (var tries = 0; ; tries++)
        {
            if (running().IsFaulted) await running();
            try
            {
                await Client.StatusAsync(CancellationToken.None);
                return;
            }
            catch (ProblemException e) when (e.Reason == ReasonCode.AgentUnreachable && tries < 600)
            {
                await Task.Delay(50);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Client.Dispose();
        Directory.Delete(Paths.Root, recursive: true);
    }
}
