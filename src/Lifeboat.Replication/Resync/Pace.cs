// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Resync;

/// <summary>
/// How fast something goes on: over the last quarter of a minute, so that a link that became slow shows, and one slow
/// second does not. Noted by one thread, read by any.
/// </summary>
public sealed class Pace(TimeProvider time)
{
    private const int SamplesMax = 16;
    private static readonly TimeSpan Apart = TimeSpan.FromSeconds(1);
    private readonly Lock _gate = new();
    private readonly Queue<(long At, long Amount)> _samples = new();
    private long _last;
    private bool _settled;

    /// <summary>So much is done by now, since the beginning. Never less than before.</summary>
    /// <returns>True once a second: what follows from it may be looked at anew.</returns>
    public bool Note(long amount)
    {
        var now = time.GetTimestamp();
        lock (_gate)
        {
            if (_samples.Count > 0 && time.GetElapsedTime(_last, now) < Apart) return false;
            // The first second is no measure: what may be under way at once goes at once.
            if (_samples.Count == 1 && !_settled)
            {
                _samples.Clear();
                _settled = true;
            }
            _samples.Enqueue((now, amount));
            if (_samples.Count > SamplesMax) _samples.Dequeue();
            _last = now;
            return _samples.Count > 1;
        }
    }

    /// <summary>A second, from the oldest sample until now; null: nothing can be told yet.</summary>
    /// <param name="amount">What is done by now.</param>
    public double? PerSecond(long amount)
    {
        lock (_gate)
        {
            if (!_settled || !_samples.TryPeek(out var oldest)) return null;
            var took = time.GetElapsedTime(oldest.At, time.GetTimestamp());
            return took < Apart || amount <= oldest.Amount ? null
                : (amount - oldest.Amount) / took.TotalSeconds;
        }
    }

    /// <summary>Time for the rest at a pace; null: nobody can say.</summary>
    public static TimeSpan? For(double rest, double? perSecond)
    {
        if (rest <= 0) return TimeSpan.Zero;
        // Beyond what a span can hold is as good as never.
        return perSecond is > 0 and var pace && rest / pace < TimeSpan.MaxValue.TotalSeconds / 2
            ? TimeSpan.FromSeconds(rest / pace) : null;
    }
}
