// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Capture;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Qemu.Libvirt;

namespace Lifeboat.Agent.Sources;

// libvirt names a domain, not a group: its volumes may be in several.
internal sealed partial class SourceRoster
{
    /// <summary>Lets go of the domain's disks, and asks its QEMU nothing until they are to be captured
    /// again.</summary>
    /// <exception cref="ProblemException">What of them could not be let go of; all others are.</exception>
    public async Task<DomainVolumes> ReleaseDomainAsync(DomainRelease request, CancellationToken ct)
    {
        var volumes = VolumesOf(request.Names);
        var problems = new List<string>();
        foreach (var (source, volume) in volumes)
        {
            try
            {
                await source.ReleaseVolumeAsync(volume.Name, request.Release, ct);
            }
            catch (ProblemException e)
            {
                problems.Add(e.Message);
            }
        }
        foreach (var monitor in MonitorsOf(volumes))
            await monitor.StandBackAsync(request.Release.For, request.Release.Reason, ct);
        return problems.Count == 0 ? Named(volumes)
            : throw new ProblemException(ReasonCode.Conflict, problems[0], null, problems);
    }

    public DomainVolumes CaptureDomain(DomainNames request)
    {
        var volumes = VolumesOf(request.Names);
        foreach (var monitor in MonitorsOf(volumes)) monitor.Return();
        foreach (var (source, volume) in volumes) source.CaptureVolume(volume.Name);
        return Named(volumes);
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
