// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Replication.Shipping;

// Suspended on purpose: no link, everything into the log at once, checkpoints go on, until resumed or the time is up.
public sealed partial class GroupSource
{
    // A clock that is set while we wait is noticed after this long.
    private static readonly TimeSpan SuspensionLook = TimeSpan.FromSeconds(30);
    private readonly Signal _suspensionSet = new();
    private volatile Suspension? _suspension;

    /// <summary>
    /// Stops shipping until then, or changes or ends (null) a suspension. The same again changes nothing; one whose
    /// time is over is none. The host gives it again after a restart.
    /// </summary>
    public void Suspend(Suspension? suspension)
    {
        lock (_gate)
        {
            if (_suspension == suspension) return;
            _suspension = suspension;
        }
        if (suspension is null) LogResumed(_options.Group);
        else LogSuspended(_options.Group, suspension.Reason, suspension.Until);
        _suspensionSet.Set();
    }

    private Suspension? Held => _suspension is { } s && s.Holds(_time.GetUtcNow()) ? s : null;

    private async Task WhileSuspendedAsync(CancellationToken ct)
    {
        while (Held is { } held)
        {
            SetState(_state.Phase, ReasonCode.SuspendedByOperator, held.Reason);
            if (_stream is { } stream) stream.SpillsAll = true;
            var left = held.Until - _time.GetUtcNow();
            await _suspensionSet.WaitAsync(left < SuspensionLook ? left + Tick : SuspensionLook, _time, ct);
        }
        if (_stream is { SpillsAll: true } resumed) resumed.SpillsAll = false;
        // Its time was up: whoever asks is told of none.
        if (_suspension is { } over)
        {
            lock (_gate)
            {
                if (_suspension != over || over.Holds(_time.GetUtcNow())) return;
                _suspension = null;
            }
            LogResumed(_options.Group);
        }
    }

    // A session ends when the group is suspended under it.
    private async Task<SessionEnd> SuspendedAsync(CancellationToken ct)
    {
        while (true)
        {
            if (Held is { } held) return new SessionEnd(ReasonCode.SuspendedByOperator, held.Reason);
            await _suspensionSet.WaitAsync(ct);
        }
    }

    // Timers know nothing finer.
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    [LoggerMessage(ReplicationEvents.Suspended, LogLevel.Warning,
        "Source of {Group} is suspended until {Until}: {Reason}")]
    private partial void LogSuspended(string group, string reason, DateTimeOffset until);

    [LoggerMessage(ReplicationEvents.Resumed, LogLevel.Information, "Source of {Group} resumes")]
    private partial void LogResumed(string group);
}
