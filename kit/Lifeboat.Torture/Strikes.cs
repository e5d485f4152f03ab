// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Torture;

internal enum StrikeFamily { Kill, Hang, Link, Disk, Guest, Point, Init }

/// <summary>One thing that was done to the sites.</summary>
/// <param name="Kind">E.g. `KILL a/agent`; rows of the summary.</param>
/// <param name="End">When it was over; null: not yet.</param>
internal sealed record Strike(StrikeFamily Family, string Kind, DateTimeOffset Start)
{
    public DateTimeOffset? End { get; set; }
}

/// <summary>What was done, and when: the summary counts it, and stalls are laid to it.</summary>
internal sealed class Strikes(TortureLog log, TimeProvider time)
{
    // A stall may begin this long after the strike that caused it: a hang is noticed, a resync begins.
    private static readonly TimeSpan Aftermath = TimeSpan.FromSeconds(3);
    private readonly Lock _lock = new();
    private readonly List<Strike> _all = [];

    public Strike Begin(StrikeFamily family, string kind)
    {
        var strike = new Strike(family, kind, time.GetUtcNow());
        lock (_lock) _all.Add(strike);
        log.Write("strike", kind);
        return strike;
    }

    public void End(Strike strike)
    {
        lock (_lock) strike.End = time.GetUtcNow();
        log.Write("over", $"{strike.Kind} after {(strike.End - strike.Start)!.Value.TotalSeconds:0.00} s");
    }

    /// <summary>Over at once.</summary>
    public void Note(StrikeFamily family, string kind)
    {
        var strike = Begin(family, kind);
        lock (_lock) strike.End = strike.Start;
    }

    public int Count(StrikeFamily family)
    {
        lock (_lock) return _all.Count(s => s.Family == family);
    }

    public IReadOnlyList<(string Kind, int Count)> Kinds(StrikeFamily family)
    {
        lock (_lock)
            return [.. _all.Where(s => s.Family == family).GroupBy(s => s.Kind)
                .OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => (g.Key, g.Count()))];
    }

    /// <summary>Whatever was going on in a window, or had ended shortly before it.</summary>
    public IReadOnlyList<Strike> Near(DateTimeOffset from, DateTimeOffset to)
    {
        lock (_lock)
            return [.. _all.Where(s => s.Start <= to && (s.End is not { } end || end + Aftermath >= from))];
    }
}
