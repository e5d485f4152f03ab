// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Runtime.InteropServices;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller;
using Lifeboat.Testing.Recovery;

namespace Lifeboat.Benchmarks.Fleet;

/// <summary>The processes that the benchmark starts: a real controller over a fake site; the fake agents.</summary>
internal static class FleetServe
{
    public const string Ready = "ready";

    /// <param name="place">Directory of the controller; what is its site's is above it.</param>
    public static async Task<int> ControllerAsync(string place)
    {
        using var stop = new CancellationTokenSource();
        using var term = Stops(stop);
        var paths = new SitePaths(place);
        var configuration = SiteConfiguration.Read(place);
        await using var controller = await ControllerHost.StartAsync(paths, configuration,
            (site, _, _, _) => new FleetSite(configuration.Name, Path.Combine(site.Root, "fleet")),
            TimeProvider.System, stop.Token);
        Console.WriteLine(Ready);
        await UntilStoppedAsync(stop.Token);
        await controller.StopAsync(CancellationToken.None);
        return 0;
    }

    /// <summary>The agents of both sites, each behind its socket; shared cuts are lines of `cuts.log`.</summary>
    public static async Task<int> AgentsAsync(string root)
    {
        using var stop = new CancellationTokenSource();
        using var term = Stops(stop);
        var network = new AgentNetwork();
        using var cuts = new StreamWriter(Path.Combine(root, "cuts.log")) { AutoFlush = true };
        var lines = new List<FleetCutLines>();
        foreach (var site in FleetNames.Sites)
        {
            var paths = new SitePaths(Path.Combine(root, site));
            lines.Add(new FleetCutLines(paths.CutSocket));
            var agent = new AgentDouble(site, SiteConfiguration.Read(paths.Root).LinkAddress, network,
                TimeProvider.System, Guid.NewGuid)
            {
                PointsKept = 20,
                Agreed = cut => cuts.WriteLine(Line(cut)),
            };
            await FakeAgent.StartAsync(agent, paths.AgentSocket);
        }
        Console.WriteLine(Ready);
        await UntilStoppedAsync(stop.Token);
        lines.ForEach(l => l.Dispose());
        return 0;
    }

    private static string Line(SharedCutRequest cut) =>
        string.Create(CultureInfo.InvariantCulture, $"{cut.CutAt.ToUnixTimeMilliseconds()} {cut.Groups[0]}");

    private static async Task UntilStoppedAsync(CancellationToken stopped)
    {
        var end = new TaskCompletionSource();
        using var registration = stopped.Register(end.SetResult);
        await end.Task;
    }

    private static PosixSignalRegistration Stops(CancellationTokenSource stop) =>
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
        {
            signal.Cancel = true;
            stop.Cancel();
        });
}
