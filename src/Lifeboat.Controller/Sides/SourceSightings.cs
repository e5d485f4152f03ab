// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;

namespace Lifeboat.Controller.Sides;

/// <summary>
/// Until when a group's source was connected to the replica here, as far as this controller looked. Between two looks
/// the later one counts: a loss is rather overstated than hidden.
/// </summary>
internal sealed class SourceSightings
{
    private readonly ConcurrentDictionary<string, Sighting> _seen = new();

    public void Observe(string group, bool connected, DateTimeOffset now)
    {
        if (connected) _seen[group] = new Sighting(now, null);
        else if (_seen.TryGetValue(group, out var last) && last.Gone is null) _seen[group] = last with { Gone = now };
    }

    /// <summary>Null: it was not connected since this controller started.</summary>
    public DateTimeOffset? Last(string group) =>
        _seen.TryGetValue(group, out var last) ? last.Gone ?? last.Connected : null;

    /// <param name="Gone">When it was first found to be away.</param>
    private sealed record Sighting(DateTimeOffset Connected, DateTimeOffset? Gone);
}
