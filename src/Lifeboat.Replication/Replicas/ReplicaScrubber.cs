// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Replication.Replicas;

/// <summary>Scrubs a replica now and then, within its bound, and at once when asked.</summary>
public sealed class ReplicaScrubber
{
    private const int StepBytes = 1 << 20;

    private readonly Replica _replica;
    private readonly ScrubOptions _options;
    private readonly TimeProvider _time;
    private readonly Signal _woken = new();
    private volatile bool _asked;
    private volatile string? _problem;

    public ReplicaScrubber(Replica replica, ScrubOptions options, TimeProvider time)
    {
        if (options.Problems().FirstOrDefault() is { } problem) throw new ArgumentException(problem, nameof(options));
        (_replica, _options, _time) = (replica, options, time);
    }

    /// <summary>Why the pass under way does not go on; null: nothing is in its way.</summary>
    public string? Problem => _problem;

    /// <summary>Begins a pass, or hurries the one under way.</summary>
    public void Ask()
    {
        _asked = true;
        _woken.Set();
    }

    /// <summary>Until cancelled.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        while (true)
        {
            // By the clock on the wall only what is left of a pause that a restart cut short; a clock that was ahead
            // when the last pass ended must not put the next one off.
            var pause = _replica.ScrubState.LastPassAt is { } last
                ? Within(last + _options.Every - _time.GetUtcNow()) : _options.FirstAfter;
            var since = _time.GetTimestamp();
            while (!_asked && pause - _time.GetElapsedTime(since) is { Ticks: > 0 } left)
                await _woken.WaitAsync(left, _time, ct);
            await PassAsync(ct);
        }
    }

    private TimeSpan Within(TimeSpan pause) =>
        pause > _options.Every ? _options.Every : pause > TimeSpan.Zero ? pause : TimeSpan.Zero;

    private async Task PassAsync(CancellationToken ct)
    {
        while (true)
        {
            var rate = _asked ? _options.AskedBytesPerSecond : _options.BytesPerSecond;
            var step = (int)Math.Min(StepBytes, rate);
            var pause = TimeSpan.FromSeconds((double)step / rate);
            try
            {
                var outcome = await _replica.ScrubAsync(step, ct);
                _problem = null;
                if (outcome == ScrubOutcome.PassDone)
                {
                    _asked = false;
                    return;
                }
            }
            catch (Exception e) when (e is StorageException or ReplicaException)
            {
                _problem = e.Message;
                pause = _options.RetryAfter;
            }
            await Task.Delay(pause, _time, ct);
        }
    }
}
