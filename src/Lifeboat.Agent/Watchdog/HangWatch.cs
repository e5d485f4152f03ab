// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Heartbeats;
using Lifeboat.Agent.Processes;
using Lifeboat.Contracts;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Watchdog;

/// <summary>
/// Kills an agent whose heart has stopped: its connections end, and with them the waiting of the guests. Only time that
/// this thread itself was on time counts, so that a busy or suspended host is not taken for a hung agent.
/// </summary>
internal sealed partial class HangWatch : IDisposable
{
    /// <summary>Without a heartbeat for this long, counted in own punctual ticks, the agent is killed.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Punctual = TimeSpan.FromMilliseconds(45);

    private readonly HeartbeatPage _page;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;
    private long _lastTick;
    private long _lastCounter;
    private ProcessIdentity _lastAgent;
    private TimeSpan _silent;

    public HangWatch(HeartbeatPage page, TimeProvider time, ILogger<HangWatch> logger)
    {
        _page = page;
        _time = time;
        _logger = logger;
        _lastTick = time.GetTimestamp();
        _thread = UrgentThread.Start("hang-watch", Interval, Tick, _stop.Token);
    }

    public void Dispose()
    {
        _stop.Cancel();
        _thread.Join();
        _stop.Dispose();
    }

    private void Tick()
    {
        var since = _time.GetElapsedTime(_lastTick);
        _lastTick = _time.GetTimestamp();
        var (agent, counter) = (_page.Agent, _page.Counter);
        if (counter != _lastCounter || agent != _lastAgent) _silent = TimeSpan.Zero;
        else if (since <= Punctual) _silent += since;
        (_lastCounter, _lastAgent) = (counter, agent);
        if (_silent < Limit || !agent.IsAlive) return;
        Signals.KillAtOnce(agent);
        LogKilled(agent.Id, _silent.TotalMilliseconds);
        _silent = TimeSpan.Zero;
    }

    [LoggerMessage(EventIds.AgentKilled, LogLevel.Error, "Killed hung agent {Process}: no heartbeat for {Silent:0} ms")]
    private partial void LogKilled(int process, double silent);
}
