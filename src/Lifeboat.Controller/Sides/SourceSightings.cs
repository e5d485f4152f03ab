// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;

namespace Lifeboat.Controller.Sides;

/// <summary>When this controller last saw a group's source connected to the replica here.</summary>
internal sealed class SourceSightings
{
    private readonly ConcurrentDictionary<string, DateTimeOffset> _seen = new();

    public void Saw(string group, DateTimeOffset at) => _seen[group] = at;
    public DateTimeOffset? Last(string group) => _seen.TryGetValue(group, out var at) ? at : null;
}
