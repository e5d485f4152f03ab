// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Controller.Leases;

/// <param name="Take">Free ones to take now.</param>
/// <param name="GiveBack">Ours that are too many, or that nobody asks for any more.</param>
internal sealed record LeasePlan(IReadOnlyList<string> Take, IReadOnlyList<string> GiveBack);

// Which leases a controller takes and gives back, so that each of n living ones has about an n-th of all. Who has less
// than its share takes free ones at once; one that stays free, because the others do not look, is taken whatever the
// share. A surplus is given back, a tenth or at least one above the share being none.
internal sealed class LeaseShares
{
    private static readonly TimeSpan LeftOver = TimeSpan.FromSeconds(2);
    private readonly Dictionary<string, long> _freeSince = new(StringComparer.Ordinal);
    private IReadOnlySet<string> _known = new HashSet<string>();

    /// <summary>It was looked at before.</summary>
    public bool Knows(string name) => _known.Contains(name);

    public LeasePlan Plan(string me, IReadOnlyDictionary<string, LeaseRow> rows, ICollection<string> wanted,
        ICollection<string> held, int controllers, long now, long ticksPerSecond)
    {
        var others = rows.Where(r => r.Value.Alive && r.Value.Holder != me).Select(r => r.Key).ToHashSet();
        var all = new HashSet<string>(wanted.Concat(others), StringComparer.Ordinal);
        _known = all;
        var share = (all.Count + controllers - 1) / Math.Max(controllers, 1);
        var free = wanted.Where(n => !held.Contains(n) && !others.Contains(n)).ToList();
        foreach (var gone in _freeSince.Keys.Except(free).ToList()) _freeSince.Remove(gone);
        foreach (var name in free) _freeSince.TryAdd(name, now);
        var unasked = held.Where(n => !wanted.Contains(n)).ToList();
        var mine = held.Count - unasked.Count;
        // Each begins elsewhere, so that two that look at once seldom want the same ones.
        var ordered = free.OrderBy(n => Mix(me, n)).ToList();
        var take = ordered.Take(Math.Max(share - mine, 0)).ToList();
        var leftOver = (long)(LeftOver.TotalSeconds * ticksPerSecond);
        take.AddRange(ordered.Skip(take.Count).Where(n => now - _freeSince[n] >= leftOver));
        var surplus = mine - share - Math.Max(1, share / 10);
        var give = surplus <= 0 ? [] : held.Except(unasked).OrderByDescending(n => Mix(me, n)).Take(surplus).ToList();
        return new LeasePlan(take, [.. unasked, .. give]);
    }

    // The same in every process: FNV-1a.
    private static uint Mix(string me, string name)
    {
        var hash = 2166136261u;
        foreach (var c in me + name) hash = (hash ^ c) * 16777619u;
        return hash;
    }
}
