// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Processes;
using Lifeboat.Contracts;

namespace Lifeboat.Agent.Heartbeats;

/// <summary>
/// The agent's side of the watchdog: a counter that rises as long as no guest waits too long for us. The thread takes
/// no lock of the data path; it reads when the oldest unanswered request came.
/// </summary>
internal sealed class Heartbeat : IDisposable
{
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);
    /// <summary>A captured request older than this stops the heart.</summary>
    public static readonly TimeSpan RequestLimit = TimeSpan.FromMilliseconds(200);

    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;

    public Heartbeat(HeartbeatPage page, Func<TimeSpan> oldestUnanswered)
    {
        page.Register(ProcessIdentity.Current);
        _thread = UrgentThread.Start("heartbeat", Interval, () =>
        {
            if (oldestUnanswered() <= RequestLimit) page.Bump();
        }, _stop.Token);
    }

    public void Dispose()
    {
        _stop.Cancel();
        _thread.Join();
        _stop.Dispose();
    }
}
