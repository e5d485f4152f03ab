// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Sides;
using Lifeboat.Recovery.Steps;
using Lifeboat.Sites;

namespace Lifeboat.Recovery.Plans;

/// <summary>Whether the members that a run starts can run at its site, all together.</summary>
public static class GroupFit
{
    /// <param name="reprotects">The run begins with a reprotect, which stops and copies what is here.</param>
    public static Task<SiteFit> AskAsync(IOwnSide here, GroupDefinition group, RunKind kind, bool reprotects,
        CancellationToken ct) => AskAsync(here, [group], kind, reprotects, ct);

    /// <summary>Of several groups: what one of them takes is not there for the next.</summary>
    public static Task<SiteFit> AskAsync(IOwnSide here, IReadOnlyList<GroupDefinition> groups, RunKind kind,
        bool reprotects, CancellationToken ct)
    {
        // These start nothing.
        if (kind is RunKind.Reprotect or RunKind.Resolve) return Task.FromResult(SiteFit.Whole);
        return AskWhatStartsAsync(here, groups, kind, reprotects, ct);
    }

    private static async Task<SiteFit> AskWhatStartsAsync(IOwnSide here, IReadOnlyList<GroupDefinition> groups,
        RunKind kind, bool reprotects, CancellationToken ct)
    {
        var members = groups.SelectMany(StartInstances.Bootable)
            .Select(m => m.Description with { Name = m.Instance }).ToList();
        var fit = members.Count == 0 ? SiteFit.Whole
            : await here.FitAsync(members, kind is RunKind.TestFailover, reprotects, ct);
        var volumes = groups.SelectMany(g => g.Members).SelectMany(m => m.Description.CloudVolumes ?? []).ToList();
        if (volumes.Count == 0) return fit;
        if (here.Ability<IBacksUpVolumes>() is not { } restores)
            return fit with { Gaps = [.. fit.Gaps, $"the driver of site {here.Name} cannot restore volumes"] };
        var room = await SiteProblem.AskAsync(restores.RestoreFitAsync(volumes, ct));
        return new SiteFit([.. fit.Gaps, .. room.Gaps], [.. fit.Notes, .. room.Notes]);
    }
}
