// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Leases;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Sites;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Groups;

/// <summary>
/// Finds disks that instances were given after they were protected. Those that were left out when the group was made
/// are in its description, and no news. Each look takes its turn at the instances' monitors, so one every five seconds
/// is enough.
/// </summary>
internal sealed partial class PluggedDisks(string here, ISite site, GroupStore groups, AuditLog audit,
    ILeases leases, TimeProvider time, ILogger<PluggedDisks> logger)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);
    private readonly ConcurrentDictionary<string, IReadOnlyList<UnprotectedDisk>> _seen = new(StringComparer.Ordinal);
    private long? _looked;

    /// <summary>As of the last look, without those that are in the group since.</summary>
    public IReadOnlyList<UnprotectedDisk> Of(string group) =>
        _seen.TryGetValue(group, out var seen) && seen.Count > 0
            && groups.Find(group) is { Removed: false, Definition: var now }
            ? [.. seen.Where(d => IsUnprotected(now, d.Instance, d.Disk))] : [];

    public async Task LookAsync(CancellationToken ct)
    {
        if (_looked is { } last && time.GetElapsedTime(last) < Every) return;
        _looked = time.GetTimestamp();
        var all = groups.All().Where(r => !r.Removed && r.Definition.PrimarySite == here
            && !r.Definition.MovedByCloud).Select(r => r.Definition);
        foreach (var group in all) await LookAsync(group, ct);
    }

    private async Task LookAsync(GroupDefinition group, CancellationToken ct)
    {
        var found = new List<UnprotectedDisk>();
        foreach (var member in group.Members)
        {
            try
            {
                found.AddRange(await OfMemberAsync(group, member, ct));
            }
            catch (SiteException)
            {
                // The source says what is wrong with its instance; what was seen before is as good as ever.
                found.AddRange(Of(group.Name).Where(d => d.Instance == member.Instance));
            }
        }
        var known = _seen.GetValueOrDefault(group.Name) ?? [];
        _seen[group.Name] = found;
        // Every controller of the site looks, for it is asked what it saw; one of them tells.
        if (!leases.TryHold(LeaseName.Group(group.Name))) return;
        foreach (var disk in found.Where(d => known.All(k => k.Volume != d.Volume))) Tell(group, disk);
    }

    private async Task<IEnumerable<UnprotectedDisk>> OfMemberAsync(GroupDefinition group, GroupMember member,
        CancellationToken ct)
    {
        var instance = await site.GetAsync(member.Instance, ct);
        if (instance.Power is InstancePower.Stopped) return [];
        var plugged = site is ISeesPluggedDisks sees ? await sees.PluggedAsync(member.Instance, ct) : [];
        return instance.Disks.Select(d => new UnprotectedDisk(member.Instance, d.Name, d.SizeBytes, null))
            .Concat(plugged.Select(d =>
                new UnprotectedDisk(member.Instance, d.Disk.Name, d.Disk.SizeBytes, d.Problem)))
            .Where(d => IsUnprotected(group, d.Instance, d.Disk));
    }

    private static bool IsUnprotected(GroupDefinition group, string instance, string disk) =>
        group.Members.FirstOrDefault(m => m.Instance == instance) is { } member
        && member.Description.Disks.All(d => d.Name != disk);

    private void Tell(GroupDefinition group, UnprotectedDisk disk)
    {
        var advice = disk.Advice(group.Name, group.PrimarySite);
        audit.Add(time.GetUtcNow(), "site", "found-disk", $"{group.Name}/{disk.Volume}", "volume-unprotected", advice);
        LogUnprotected(disk.Volume, disk.SizeBytes, group.Name, advice);
    }

    [LoggerMessage(EventIds.DiskUnprotected, LogLevel.Warning,
        "Disk {Volume} ({SizeBytes} bytes) was given to an instance of group {Group} and is not protected: {Advice}")]
    private partial void LogUnprotected(string volume, long sizeBytes, string group, string advice);
}
