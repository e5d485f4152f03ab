// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Metrics;
using Prometheus;

namespace Lifeboat.Agent.Capture.Gateway;

/// <summary>How long captured writes wait for their place in the stream. Called from every connection's thread.
/// </summary>
internal sealed class HoldMeter(LiveMetrics live, TimeProvider time)
{
    private readonly Histogram _holds = live.Histogram("lifeboat_guest_hold_seconds",
        0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3);
    private long _slow;
    private long _longest;

    /// <summary>Writes that were captured.</summary>
    public long Count => _holds.Count;

    public long Begin() => time.GetTimestamp();

    public void End(long began)
    {
        var took = time.GetElapsedTime(began);
        _holds.Observe(took.TotalSeconds);
        if (took.TotalSeconds > HoldStatus.SlowSeconds) Interlocked.Increment(ref _slow);
        var longest = Interlocked.Read(ref _longest);
        while (took.Ticks > longest)
        {
            var seen = Interlocked.CompareExchange(ref _longest, took.Ticks, longest);
            if (seen == longest) break;
            longest = seen;
        }
    }

    public HoldStatus Status() => new(Count, Interlocked.Read(ref _slow),
        TimeSpan.FromTicks(Interlocked.Read(ref _longest)).TotalSeconds);
}
