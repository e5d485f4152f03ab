// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Simulation;

/// <summary>
/// What the clock of a host says: the world's time and an error that jumps now and then. Timers do not see it, as the
/// monotonic clock does not.
/// </summary>
public sealed class HostTime(TimeSpan error)
{
    private readonly List<(long Since, TimeSpan Error)> _errors = [(0, error)];

    public TimeSpan Error => _errors[^1].Error;

    public void Jump(long now, TimeSpan by) => _errors.Add((now, Error + by));

    /// <summary>Moments of the world at which the clock can have said so; after a jump back there may be two.</summary>
    public IEnumerable<long> MomentsOf(DateTimeOffset said)
    {
        for (var i = 0; i < _errors.Count; i++)
        {
            var moment = (said - SimulatedClock.Epoch - _errors[i].Error).Ticks;
            var until = i + 1 < _errors.Count ? _errors[i + 1].Since : long.MaxValue;
            if (moment >= _errors[i].Since && moment <= until) yield return moment;
        }
    }
}
