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
        var members = groups.SelectMany(StartInstances.Bootable)
            .Select(m => m.Description with { Name = m.Instance }).ToList();
        return members.Count == 0 ? Task.FromResult(SiteFit.Whole)
            : here.FitAsync(members, kind is RunKind.TestFailover, reprotects, ct);
    }
}
