// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Controller.Applications;

/// <summary>
/// Applications are what their groups say: nothing of its own is stored, so that both sites know them, and a shared
/// point is one that every group has, as their journals tell.
/// </summary>
internal sealed class ApplicationCatalog(LocalSide here, GroupStore groups, PointCatalog points,
    SharedCheckpoint checkpoint)
{
    private const int LabelMax = 200;
    private static readonly TimeSpan SealLimit = TimeSpan.FromMinutes(1);

    public IReadOnlyList<ApplicationInfo> All() =>
    [
        .. from record in groups.All()
           where !record.Removed && record.Definition.Application is not null
           group record.Definition by record.Definition.FullApplication into application
           orderby application.Key
           select new ApplicationInfo(application.Key, [.. application.Select(g =>
               new ApplicationMember(g.Name, g.PrimarySite, g.RecoverySite, [.. g.Volumes.Select(v => v.Name)]))]),
    ];

    public IReadOnlyList<GroupDefinition> Groups(string application)
    {
        GroupDefinition[] members = [.. groups.All().Where(r => !r.Removed).Select(r => r.Definition)
            .Where(d => d.FullApplication == application)];
        if (members.Length > 0) return members;
        throw new ProblemException(ReasonCode.GroupUnknown, $"no group belongs to an application {application}",
            "Name it with `lifeboat group create --application`.");
    }

    public async Task<IReadOnlyList<SharedPoint>> PointsAsync(string application, CancellationToken ct)
    {
        var members = Groups(application);
        var lists = await Task.WhenAll(members.Select(async m => (m.Name, await points.ListAsync(m.Name, ct))));
        return
        [
            .. from entry in lists.SelectMany(l => l.Item2.Select(p => (l.Name, Point: p)))
               group entry by entry.Point.Id into shared
               where shared.Count() == members.Count && IsShared(shared.First().Point, members)
               let first = shared.First().Point
               orderby first.CutAt
               select new SharedPoint(shared.Key, first.CutAt, first.Label,
                   shared.ToDictionary(s => s.Name, s => s.Point)),
        ];
    }

    // Over one group "every group has it" says nothing: a shared cut is told by its label, which it always has.
    private static bool IsShared(RecoveryPoint point, IReadOnlyList<GroupDefinition> members) =>
        !point.IsOrigin && (members.Count > 1 || point.Label is not null);

    public Task<SharedPointResult> CreateAsync(
        string application, CreateSharedPointRequest request, CancellationToken ct)
    {
        if (request.Label is { Length: > LabelMax })
            throw new ProblemException(ReasonCode.InvalidRequest, $"label has at most {LabelMax} characters");
        var members = Groups(application);
        if (members.Where(m => m.PrimarySite != here.Name).ToList() is { Count: > 0 } elsewhere)
            throw new ProblemException(ReasonCode.WrongSite,
                "a shared point is cut where the instances of all its groups run: these live at more than one site",
                string.Join("; ", elsewhere.Select(g => $"{g.Name} is primary at site {g.PrimarySite}")));
        // Labelled, so that retention treats it the same in every group.
        return checkpoint.TakeAsync(
            [
                .. from member in members
                   group member.Name by here.HostOf(member.Name) into host
                   orderby host.Key
                   select new AgentCutMember(here.SourceAgent(host.First()), [.. host]),
            ],
            request.Label ?? $"shared {application}", SealLimit, ct);
    }
}
