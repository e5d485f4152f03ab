// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Heartbeats;
using Lifeboat.Agent.Processes;
using Lifeboat.Contracts.Sites;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Watchdog;

/// <summary>
/// A second pair of eyes on the agent, in the controller's process: an agent that hangs just while its watchdog is
/// dead, hung or starting would hold its guests for as long as that lasts. It kills a hung agent as the watchdog does,
/// and brings a dead watchdog back as the agent does.
/// </summary>
public sealed class SecondWatch : IAsyncDisposable
{
    private readonly ILoggerFactory _logs = AgentLog.Create();
    private readonly CancellationTokenSource _stop = new();
    private readonly HeartbeatPage _page;
    private readonly HangWatch _hangs;
    private readonly Task _keeping;

    private SecondWatch(SitePaths paths, TimeProvider time)
    {
        _page = HeartbeatPage.Open(paths.Heartbeat);
        _hangs = new HangWatch(_page, time, _logs.CreateLogger<HangWatch>());
        _keeping = new WatchdogKeeper(paths, Launcher.OfThisProcess(), time, _logs.CreateLogger<WatchdogKeeper>())
            .RunAsync(_stop.Token);
    }

    public static SecondWatch Start(string siteDirectory, TimeProvider time) =>
        new(new SitePaths(Path.GetFullPath(siteDirectory)), time);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _keeping;
        _hangs.Dispose();
        _page.Dispose();
        _logs.Dispose();
        _stop.Dispose();
    }
}
