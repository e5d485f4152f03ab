// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Sites;

namespace Lifeboat.Controller.Standing;

/// <summary>How far the standing volumes are that this controller keeps, by group.</summary>
internal sealed class StandingBook : IRaisesAlerts
{
    private readonly ConcurrentDictionary<string, StandingStatus> _groups = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _written = new(StringComparer.Ordinal);

    /// <summary>Null: this controller keeps none of the group.</summary>
    public StandingStatus? Of(string group) => _groups.GetValueOrDefault(group);

    /// <summary>Bytes that rounds wrote since the start, by group.</summary>
    public IEnumerable<KeyValuePair<string, long>> Written => _written;

    /// <summary>The oldest point that a group's standing volumes are at; none: of no use yet.</summary>
    public IEnumerable<(string Group, DateTimeOffset At)> Ages() => _groups
        .Where(g => g.Value.Volumes.Count > 0 && g.Value.Volumes.All(v => v.CutAt is not null))
        .Select(g => (g.Key, g.Value.Volumes.Min(v => v.CutAt!.Value)));

    public void Forget(string group) => _groups.TryRemove(group, out _);

    /// <summary>What the site says of those that are there.</summary>
    public void See(string group, IEnumerable<StandingVolume> volumes) => Change(group, s => s with
    {
        Volumes =
        [
            .. volumes.Select(v => Info(v) with
            {
                Written = s.Volumes.FirstOrDefault(o => o.Volume == v.Volume)?.Written ?? 0,
            }),
        ],
    });

    public void Moving(string group, string volume, StandingProgress progress) => Change(group, s => s with
    {
        Volumes = Put(s.Volumes, (s.Volumes.FirstOrDefault(v => v.Volume == volume)
            ?? new StandingVolumeInfo(volume, null, null, 0, 0)) with
        {
            Moved = progress.Bytes, ToMove = progress.Total,
        }),
    });

    public void Brought(string group, StandingVolume volume)
    {
        _written.AddOrUpdate(group, volume.Written, (_, before) => before + volume.Written);
        Change(group, s => s with { Volumes = Put(s.Volumes, Info(volume)) });
    }

    public void Gone(string group, string volume) =>
        Change(group, s => s with { Volumes = [.. s.Volumes.Where(v => v.Volume != volume)] });

    public void Ended(string group, DateTimeOffset at, TimeSpan took) => Change(group, s => s with
    {
        RoundEnded = at, RoundSeconds = Math.Round(took.TotalSeconds, 1), Reason = ReasonCode.None, Detail = null,
    });

    public void Failed(string group, ReasonCode reason, string detail) => Change(group, s => s with
    {
        Reason = reason, Detail = detail,
        Volumes = [.. s.Volumes.Select(v => v with { Moved = null, ToMove = null })],
    });

    public IReadOnlyList<Condition> Conditions(Observation now) =>
    [
        .. from known in _groups
           where known.Value.Reason is not ReasonCode.None
           select new Condition(AlertKind.StandingBehind, AlertSeverity.Warning, known.Key, known.Value.Reason,
               $"standing volumes of group {known.Key} are not brought on: {known.Value.Detail}",
               "A failover works all the same, and takes longer. It is tried again in each round; "
               + "docs/operating/openstack.md, standing volumes.")
           {
               Group = known.Key,
               Tenant = GroupName.TenantOf(known.Key),
           },
    ];

    private void Change(string group, Func<StandingStatus, StandingStatus> change) => _groups.AddOrUpdate(group,
        _ => change(new StandingStatus { Volumes = [] }), (_, before) => change(before));

    private static IReadOnlyList<StandingVolumeInfo> Put(IReadOnlyList<StandingVolumeInfo> all,
        StandingVolumeInfo one) =>
        [.. all.Where(v => v.Volume != one.Volume).Append(one).OrderBy(v => v.Volume, StringComparer.Ordinal)];

    private static StandingVolumeInfo Info(StandingVolume volume) =>
        new(volume.Volume, volume.Id, volume.CutAt, volume.Written, volume.Snapshots)
        {
            IsAtPoint = volume.Replica is not null && volume.Low == volume.High,
        };
}
