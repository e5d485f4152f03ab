// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.Json;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Api.Requests;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Controller.Api.Description;

internal static partial class ApiOperations
{
    private static ListShape GroupList => new ListShape<GroupInfo>(g => g.Definition.Name, descending: false,
        new("state", "Only groups in this state.", g => [Shown(g.State)]),
        new("reason", "Only groups that are in their state for this reason.", g => [Shown(g.Reason)]),
        new("application", "Only groups of this application.", g => [g.Definition.Application]),
        new("site", "Only groups that run at this site or are recovered to it.",
            g => [g.Definition.PrimarySite, g.Definition.RecoverySite]),
        new("instance", "Only the group of this instance.", g => g.Definition.Members.Select(m => m.Instance)));

    private static ListShape PolicyList => new ListShape<NamedPolicy>(p => p.Name, descending: false);

    private static ListShape PlanList => new ListShape<GroupPlan>(p => p.Group, descending: false);

    private static ListShape ApplicationList => new ListShape<ApplicationInfo>(a => a.Name, descending: false);

    private static ListShape InstanceList => new ListShape<SiteInstance>(i => i.Name, descending: false,
        new ListFilter<SiteInstance>("host", "Only instances on this host.", i => [i.Host]));

    private static ListShape PointList => new ListShape<RecoveryPoint>(p => Moment(p.CutAt, p.Id), descending: false,
        new("consistency", "Only points of this consistency.", p => [Shown(p.Consistency)]),
        new("label", "Only points with this label.", p => [p.Label]),
        new("state", "Only points in this state.", p => [Shown(p.State)]));

    private static ListShape SharedPointList => new ListShape<SharedPoint>(p => Moment(p.CutAt, p.Id),
        descending: false,
        new ListFilter<SharedPoint>("label", "Only points with this label.", p => [p.Label]));

    private static ListShape RunList => new ListShape<RunInfo>(r => Moment(r.CreatedAt, r.Id), descending: true,
        new("state", "Only runs in this state.", r => [Shown(r.State)]),
        new("kind", "Only runs of this kind.", r => [Shown(r.Kind)]),
        new("reason", "Only runs that ended for this reason.", r => [Shown(r.Reason)]));

    private static ListShape AlertList => new ListShape<Alert>(a => Moment(a.Since, a.Id), descending: true,
        new("severity", "Only alerts of this severity.", a => [Shown(a.Severity)]),
        new("kind", "Only alerts of this kind.", a => [Shown(a.Kind)]),
        new("reason", "Only alerts for this reason.", a => [Shown(a.Reason)]));

    private static ListShape EventList => new ListShape<AuditEvent>(
        e => e.Number.ToString("D19", CultureInfo.InvariantCulture), descending: true,
        new("actor", "Only what this one asked for.", e => [e.Actor]),
        new("outcome", "Only what ended like this.", e => [e.Outcome]));

    // In the order of time, and unique where two things are of one moment.
    private static string Moment(DateTimeOffset at, Guid id) =>
        string.Create(CultureInfo.InvariantCulture, $"{at.UtcTicks:D19}.{id}");

    private static string Shown<T>(T value) where T : struct, Enum =>
        JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());
}
