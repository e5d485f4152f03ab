// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Links;

namespace Lifeboat.Recovery.Evacuations;

/// <summary>A group that is to have a wave.</summary>
/// <param name="Application">Full name; null: it stands alone.</param>
public sealed record WaveMember(string Group, string? Application, LinkPriority Priority);

/// <summary>Which groups are moved with which, and in which order. Pure.</summary>
public static class EvacuationWaves
{
    /// <summary>
    /// Without <paramref name="wanted"/>: those of high priority first, then the normal ones, then the low ones. With
    /// it: as it says, and who is not named comes behind, by priority. Groups of one application are in one wave,
    /// with the most urgent of them, or where any of them is named. Within a wave by priority, application and name.
    /// </summary>
    /// <param name="wanted">Number of a wave, and names of groups or applications that are in it.</param>
    /// <param name="faults">All that does not fit.</param>
    /// <returns>The waves are numbered 1, 2, 3 … without gaps.</returns>
    public static IReadOnlyList<(WaveMember Member, int Wave)> Of(IReadOnlyList<WaveMember> members,
        IReadOnlyList<(int Wave, string Name)> wanted, ICollection<string> faults)
    {
        var bundles = members.GroupBy(m => m.Application is { } a ? $"application {a}" : $"group {m.Group}")
            .Select(b => new Bundle(b.Key, [.. b])).ToList();
        foreach (var (wave, name) in wanted)
        {
            if (wave is < 1 or > EvacuationRules.WavesMost)
                faults.Add($"wave {wave}: waves are numbered from 1 to {EvacuationRules.WavesMost}");
            var named = bundles.Where(b => b.IsCalled(name)).ToList();
            if (named.Count == 0)
                faults.Add($"wave {wave}: '{name}' is none of the groups or applications to be moved");
            foreach (var bundle in named) bundle.Named.Add((wave, name));
        }
        foreach (var bundle in bundles.Where(b => b.Named.Select(n => n.Wave).Distinct().Count() > 1))
            faults.Add($"{bundle.Name} is in several waves: "
                + string.Join(", ", bundle.Named.Select(n => $"{n.Name} in {n.Wave}"))
                + (bundle.Members.Count > 1 ? "; groups of one application are moved in one wave" : ""));
        var places = bundles.Select(b => b.Place).Distinct().Order().ToList();
        return
        [
            .. bundles.SelectMany(b => b.Members.Select(m => (Member: m, Wave: places.IndexOf(b.Place) + 1)))
                .OrderBy(m => m.Wave).ThenBy(m => Urgency(m.Member.Priority))
                .ThenBy(m => m.Member.Application ?? m.Member.Group, StringComparer.Ordinal)
                .ThenBy(m => m.Member.Group, StringComparer.Ordinal),
        ];
    }

    /// <summary>
    /// How long waves take when at most so many runs are under way and each begins as soon as there is a place for it.
    /// What was never measured counts for nothing.
    /// </summary>
    public static TimeSpan Predicted(IReadOnlyList<TimeSpan?> inOrder, int parallel)
    {
        var places = new TimeSpan[Math.Max(parallel, 1)];
        foreach (var took in inOrder)
        {
            var free = Array.IndexOf(places, places.Min());
            places[free] += took ?? TimeSpan.Zero;
        }
        return places.Max();
    }

    private static int Urgency(LinkPriority priority) => priority switch
    {
        LinkPriority.High => 0,
        LinkPriority.Normal => 1,
        LinkPriority.Low => 2,
    };

    // What has to move together.
    private sealed record Bundle(string Name, IReadOnlyList<WaveMember> Members)
    {
        public List<(int Wave, string Name)> Named { get; } = [];

        // Those that are named come before all that are not.
        public (int Named, int Order) Place => Named.Count > 0 ? (0, Named.Min(n => n.Wave))
            : (1, Members.Min(m => Urgency(m.Priority)));

        public bool IsCalled(string name) => Members.Any(m => m.Group == name || m.Application == name);
    }
}
