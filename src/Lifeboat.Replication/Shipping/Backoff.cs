// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Shipping;

/// <summary>Waits that double up to a bound, each between half and all of it so that many sources spread out.</summary>
internal sealed class Backoff(TimeSpan min, TimeSpan max, Chance chance)
{
    private int _tries;

    public TimeSpan Next()
    {
        var most = TimeSpan.FromTicks(Math.Min(max.Ticks, min.Ticks << Math.Min(_tries++, 20)));
        return most * (0.5 + chance.NextDouble() / 2);
    }

    public void Reset() => _tries = 0;
}
