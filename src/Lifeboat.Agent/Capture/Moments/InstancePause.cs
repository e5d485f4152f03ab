// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Heartbeats;
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture.Moments;

/// <summary>
/// Stops the processors of instances for a moment (QMP `stop`, `cont`). Announced before, as a freeze is: past the
/// deadline, or when the agent is gone, the watchdog lets them go on. Those that do not run are left as they are.
/// </summary>
/// <param name="limit">What guests may be paused for.</param>
internal sealed class InstancePause(
    IEnumerable<QmpClient> instances, HeartbeatPage watched, TimeSpan limit, TimeProvider time) : IAsyncDisposable
{
    private readonly List<(QmpClient Qmp, Freeze Announced)> _paused = [];
    private long _began;

    /// <summary>How many were paused.</summary>
    public int Paused { get; private set; }
    /// <summary>From before the first was asked to stop until all ran again.</summary>
    public TimeSpan Length { get; private set; }

    /// <exception cref="TapException">Refused: nobody could watch over it.</exception>
    public async Task BeginAsync(CancellationToken ct)
    {
        foreach (var qmp in instances)
        {
            if (!(await qmp.ExecuteAsync("query-status", null, ct)).GetProperty("running").GetBoolean()) continue;
            if (watched.Announce(Freeze.PauseOf(qmp.SocketPath), time.GetUtcNow() + limit) is not { } announced)
                throw new TapException(TapFault.Refused, "no more pauses can be watched over");
            _paused.Add((qmp, announced));
        }
        (_began, Paused) = (time.GetTimestamp(), _paused.Count);
        await Task.WhenAll(_paused.Select(p => p.Qmp.ExecuteAsync("stop", null, CancellationToken.None)));
    }

    /// <summary>False: somebody let an instance go on meanwhile, as the watchdog does past the limit.</summary>
    public async Task<bool> HeldAsync(CancellationToken ct)
    {
        foreach (var (qmp, _) in _paused)
            if ((await qmp.ExecuteAsync("query-status", null, ct)).GetProperty("running").GetBoolean()) return false;
        return true;
    }

    public async Task EndAsync()
    {
        var paused = _paused.ToList();
        _paused.Clear();
        await Task.WhenAll(paused.Select(async p =>
        {
            await p.Qmp.ExecuteAsync("cont", null, CancellationToken.None);
            watched.Clear(p.Announced);
        }));
        Length = time.GetElapsedTime(_began);
    }

    public ValueTask DisposeAsync() => new(EndAsync());
}
