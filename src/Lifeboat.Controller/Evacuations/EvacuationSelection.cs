// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Evacuations;

/// <summary>Which groups a request is about. Pure.</summary>
/// <param name="From">Null: it could not be told.</param>
/// <param name="Faults">All that is wrong with the request.</param>
/// <param name="Notes">What stays where it is though one might think otherwise.</param>
internal sealed record EvacuationSelection(string? From, IReadOnlyList<GroupDefinition> Groups,
    IReadOnlyList<string> Faults, IReadOnlyList<string> Notes)
{
    /// <param name="seen">All groups that the caller may see.</param>
    /// <param name="fullName">Of what the caller calls so; null: it is another tenant's.</param>
    public static EvacuationSelection Of(StartEvacuationRequest request, IReadOnlyList<GroupDefinition> seen,
        string here, Func<string, string?> fullName)
    {
        var (faults, notes) = (new List<string>(), new List<string>());
        var known = seen.ToDictionary(d => d.Name, StringComparer.Ordinal);
        var named = Known(request.Groups, known, fullName, faults);
        var except = Known(request.Except, known, fullName, faults);
        var chosen = request.Groups.Count > 0 ? named.Where(d => Fits(d, request.From, here, faults))
            : seen.Where(d => d.PrimarySite != here && d.RecoverySite == here
                && (request.From is null || d.PrimarySite == request.From));
        List<GroupDefinition> groups = [.. chosen.DistinctBy(d => d.Name).Except(except)];
        var sites = groups.Select(d => d.PrimarySite).Distinct().Order(StringComparer.Ordinal).ToList();
        if (sites.Count > 1)
            faults.Add($"groups of several sites are recovered to {here}: {string.Join(", ", sites)}; say which one is "
                + "left (--from)");
        if (groups.Count == 0 && faults.Count == 0)
            faults.Add($"no group runs at {request.From ?? "another site"} and is recovered to {here}");
        var from = request.From ?? (sites.Count == 1 ? sites[0] : null);
        if (request.Groups.Count == 0)
            notes.AddRange(seen.Where(d => d.PrimarySite == from && d.RecoverySite != here)
                .Select(d => $"group {d.Name} is recovered to {d.RecoverySite}: it is evacuated there"));
        notes.AddRange(Halves(groups, seen, from));
        return new EvacuationSelection(from, groups, faults, notes);
    }

    private static List<GroupDefinition> Known(IReadOnlyList<string> names,
        Dictionary<string, GroupDefinition> known, Func<string, string?> fullName, List<string> faults)
    {
        var found = new List<GroupDefinition>();
        foreach (var name in names)
            if (fullName(name) is { } full && known.TryGetValue(full, out var group)) found.Add(group);
            else faults.Add($"there is no group '{name}'");
        return found;
    }

    private static bool Fits(GroupDefinition group, string? from, string here, List<string> faults)
    {
        var fault = group switch
        {
            _ when group.PrimarySite == here => $"group {group.Name} runs at {here} already",
            _ when group.RecoverySite != here =>
                $"group {group.Name} is recovered to {group.RecoverySite}: ask the controller there",
            _ when from is not null && group.PrimarySite != from =>
                $"group {group.Name} runs at {group.PrimarySite}, not at {from}",
            _ => null,
        };
        if (fault is not null) faults.Add(fault);
        return fault is null;
    }

    // An application that is torn apart still runs, over the line between the sites.
    private static IEnumerable<string> Halves(IReadOnlyList<GroupDefinition> groups,
        IReadOnlyList<GroupDefinition> seen, string? home) =>
        from application in groups.Where(g => g.Application is not null).GroupBy(g => g.FullApplication)
        let left = seen.Where(d => d.FullApplication == application.Key && d.PrimarySite == home)
            .Except(application).Select(d => d.Name).ToList()
        where left.Count > 0
        select $"application {application.Key} is moved in part: {string.Join(", ", left)} stay at {home}";
}
