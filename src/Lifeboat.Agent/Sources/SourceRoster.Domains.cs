// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Agent.Capture;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Qemu.Libvirt;

namespace Lifeboat.Agent.Sources;

// libvirt names a domain, not a group: its volumes may be in several.
internal sealed partial class SourceRoster
{
    private readonly ConcurrentDictionary<(string Group, string Volume), bool> _forLibvirt = new();

    /// <summary>Lets go of the domain's disks, and asks its QEMU nothing until they are to be captured
    /// again.</summary>
    /// <exception cref="ProblemException">What of them could not be let go of; all others are.</exception>
    public async Task<DomainVolumes> ReleaseDomainAsync(DomainRelease request, CancellationToken ct)
    {
        var volumes = VolumesOf(request.Names);
        var problems = new List<string>();
        foreach (var (source, volume) in volumes)
        {
            _forLibvirt[(source.Spec.Group, volume.Name)] = true;
            try
            {
                await source.ReleaseVolumeAsync(volume.Name, request.Release, ct);
            }
            catch (ProblemException e)
            {
                problems.Add(e.Message);
            }
        }
        await StandBackAsync(volumes, request.Release, rearranging: false, ct);
        return problems.Count == 0 ? Named(volumes)
            : throw new ProblemException(ReasonCode.Conflict, problems[0], null, problems);
    }

    /// <summary>Its disks stay captured; what they consist of is not changed by us until it is returned to.</summary>
    public async Task<DomainVolumes> StandBackAsync(DomainRelease request, CancellationToken ct)
    {
        var volumes = VolumesOf(request.Names);
        await StandBackAsync(volumes, request.Release, rearranging: true, ct);
        return Named(volumes);
    }

    /// <summary>The end of both.</summary>
    public DomainVolumes CaptureDomain(DomainNames request)
    {
        var volumes = VolumesOf(request.Names);
        foreach (var monitor in MonitorsOf(volumes)) monitor.Return();
        // One that somebody else wants released stays so.
        foreach (var (source, volume) in volumes)
            if (_forLibvirt.TryRemove((source.Spec.Group, volume.Name), out _)) source.CaptureVolume(volume.Name);
        return Named(volumes);
    }

    private async Task StandBackAsync(List<(HostedSource Source, SourceVolume Volume)> volumes,
        ReleaseVolumeRequest release, bool rearranging, CancellationToken ct)
    {
        foreach (var monitor in MonitorsOf(volumes))
            await monitor.StandBackAsync(release.For, release.Reason, rearranging, ct);
    }

    private IEnumerable<QemuMonitor> MonitorsOf(List<(HostedSource Source, SourceVolume Volume)> volumes) =>
        volumes.Select(v => parts.Monitors.Of(v.Volume.QmpSocket)).Distinct();

    private List<(HostedSource Source, SourceVolume Volume)> VolumesOf(IReadOnlyList<string> names) =>
    [
        .. from source in _sources.Values
           from volume in source.Spec.Volumes
           where LibvirtAddress.IsLike(volume.QmpSocket)
               && names.Contains(LibvirtAddress.Read(volume.QmpSocket)!.Domain, StringComparer.OrdinalIgnoreCase)
           select (source, volume),
    ];

    private static DomainVolumes Named(List<(HostedSource Source, SourceVolume Volume)> volumes) =>
        new([.. volumes.Select(v => $"{v.Source.Spec.Group}/{v.Volume.Name}")]);
}
