// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Qemu.Libvirt;

namespace Lifeboat.Agent.Sources;

// libvirt names a domain, not a group: its volumes may be in several.
internal sealed partial class SourceRoster
{
    /// <exception cref="ProblemException">What of them could not be let go of; all others are.</exception>
    public async Task<DomainVolumes> ReleaseDomainAsync(DomainRelease request, CancellationToken ct)
    {
        var volumes = VolumesOf(request.Names);
        var problems = new List<string>();
        foreach (var (source, volume) in volumes)
        {
            try
            {
                await source.ReleaseVolumeAsync(volume, request.Release, ct);
            }
            catch (ProblemException e)
            {
                problems.Add(e.Message);
            }
        }
        return problems.Count == 0 ? Named(volumes)
            : throw new ProblemException(ReasonCode.Conflict, problems[0], null, problems);
    }

    public DomainVolumes CaptureDomain(DomainNames request)
    {
        var volumes = VolumesOf(request.Names);
        foreach (var (source, volume) in volumes) source.CaptureVolume(volume);
        return Named(volumes);
    }

    private List<(HostedSource Source, string Volume)> VolumesOf(IReadOnlyList<string> names) =>
    [
        .. from source in _sources.Values
           from volume in source.Spec.Volumes
           where LibvirtAddress.IsLike(volume.QmpSocket)
               && names.Contains(LibvirtAddress.Read(volume.QmpSocket)!.Domain, StringComparer.OrdinalIgnoreCase)
           select (source, volume.Name),
    ];

    private static DomainVolumes Named(List<(HostedSource Source, string Volume)> volumes) =>
        new([.. volumes.Select(v => $"{v.Source.Spec.Group}/{v.Volume}")]);
}
