// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Access;

/// <summary>
/// Slows guessing down: after some wrong passwords the next try has to wait, twice as long each time, up to five
/// minutes.
/// Counted for the user from that address, for the address, and, much later, for the user from anywhere, so that a
/// stranger does not lock somebody out with a handful of tries. In memory, of one controller.
/// </summary>
internal sealed class TryLimit(TimeProvider time)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan WaitMax = TimeSpan.FromMinutes(5), Forgotten = TimeSpan.FromMinutes(15);
    private const int FreeOfBoth = 5, FreeOfAddress = 20, FreeOfUser = 50, EntriesMax = 20_000;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _entries = [];

    /// <exception cref="ProblemException">TooManyTries, and how long to wait.</exception>
    public void ThrowIfTooMany(string user, string address)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            var wait = Keys(user, address).Max(k => WaitOf(k.Key, k.Free, now));
            if (wait <= TimeSpan.Zero) return;
            throw new ProblemException(ReasonCode.TooManyTries, "too many wrong passwords",
                $"Try again in {Math.Ceiling(wait.TotalSeconds)} s.");
        }
    }

    public void Failed(string user, string address)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            if (_entries.Count > EntriesMax) Forget(now);
            foreach (var (key, _) in Keys(user, address))
            {
                var isKnown = _entries.TryGetValue(key, out var e) && now - e.At < Forgotten;
                _entries[key] = new Entry(isKnown ? e.Count + 1 : 1, now);
            }
        }
    }

    public void Succeeded(string user, string address)
    {
        lock (_lock) _entries.Remove(Keys(user, address)[0].Key);
    }

    private TimeSpan WaitOf(string key, int free, DateTimeOffset now)
    {
        if (!_entries.TryGetValue(key, out var entry) || entry.Count < free) return TimeSpan.Zero;
        var wait = FirstWait * Math.Pow(2, Math.Min(20, entry.Count - free));
        return entry.At + (wait < WaitMax ? wait : WaitMax) - now;
    }

    private void Forget(DateTimeOffset now)
    {
        foreach (var key in _entries.Where(e => now - e.Value.At >= Forgotten).Select(e => e.Key).ToList())
            _entries.Remove(key);
        // So many at once are an attack from many addresses: what it gains by being forgotten is a few tries.
        if (_entries.Count > EntriesMax) _entries.Clear();
    }

    private static (string Key, int Free)[] Keys(string user, string address) =>
        [($"{user} {address}", FreeOfBoth), ($"from {address}", FreeOfAddress), ($"user {user}", FreeOfUser)];

    private readonly record struct Entry(int Count, DateTimeOffset At);
}
