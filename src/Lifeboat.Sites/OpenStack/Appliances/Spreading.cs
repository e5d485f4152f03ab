// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Appliances;

/// <summary>Which appliance the next volume goes to.</summary>
internal static class Spreading
{
    /// <summary>One that has nothing to do, else one that is not there yet, else the one that has least.</summary>
    /// <param name="loads">Volumes of those that are there, by their number.</param>
    /// <param name="atMost">How many there may be: numbers are less.</param>
    /// <param name="refused">That no further one can be made now.</param>
    /// <returns>Null: all are full.</returns>
    public static int? Choose(IReadOnlyDictionary<int, int> loads, int atMost, bool refused)
    {
        var there = loads.Where(l => l.Key < atMost).OrderBy(l => l.Value).ThenBy(l => l.Key).ToList();
        if (there is [{ Value: 0 } idle, ..]) return idle.Key;
        if (!refused)
            for (var next = 0; next < atMost; next++)
                if (!loads.ContainsKey(next)) return next;
        return there is [{ Value: < ApplianceSettings.VolumesMax } least, ..] ? least.Key : null;
    }
}
