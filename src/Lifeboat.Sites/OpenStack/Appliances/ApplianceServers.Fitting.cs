// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Mapping;

namespace Lifeboat.Sites.OpenStack.Appliances;

internal sealed partial class ApplianceServers
{
    /// <summary>What keeps appliances from being made in the project, and what the first one takes of it.</summary>
    /// <param name="servers">All of the project.</param>
    public (IReadOnlyList<string> Gaps, ApplianceNeed? Need) Fit(CloudInventory project,
        IReadOnlyList<NovaServer> servers)
    {
        if (servers.Any(s => Marks.IsMine(s) && !ApplianceMarks.IsLost(s))) return ([], null);
        var gaps = new List<string>();
        var flavor = Try(gaps, project.Flavors.Where(f => !f.Disabled), _settings.Flavor, f => f.Id, f => f.Name,
            "flavor");
        var network = Try(gaps, project.Networks, _settings.Network, n => n.Id, n => n.Name, "network");
        var pool = _settings.FloatingPool is null ? null
            : Try(gaps, project.Networks.Where(n => n.External), _settings.FloatingPool, n => n.Id, n => n.Name,
                "floatingPool");
        if (flavor is not null && flavor.Ram < ApplianceSettings.MemoryMiB)
            gaps.Add($"options.appliances.flavor: '{flavor.Name}' has {flavor.Ram} MiB of memory; "
                + $"{ApplianceSettings.MemoryMiB} are needed");
        if (network is not null && !project.SubnetsOf(network.Id).Any(s => s is { IpVersion: 4, EnableDhcp: true }))
            gaps.Add($"options.appliances.network: '{network.Name}' has no IPv4 subnet with DHCP");
        gaps.AddRange(_settings.AvailabilityZones.Where(z => !project.Zones.Any(p => p.Name == z && p.State.Available))
            .Select(z => $"options.appliances.availabilityZones: there is no zone '{z}' that is available"));
        if (_image.Gap() is { } image) gaps.Add(image);
        gaps.AddRange(new[] { _paths.CaCertificate, _paths.ControllerCertificate, _paths.ControllerKey }
            .Where(f => !File.Exists(f)).Select(f => $"appliances need the site's certificates: {f} is not there"));
        return (gaps, flavor is null ? null
            : new ApplianceNeed(flavor.Vcpus, flavor.Ram, flavor.Disk > 0 ? 0 : 1, pool?.Id));
    }

    private static T? Try<T>(List<string> gaps, IEnumerable<T> all, string told, Func<T, string> id,
        Func<T, string> name, string what) where T : class
    {
        try
        {
            return Named(all, told, id, name, what);
        }
        catch (SiteException e)
        {
            gaps.Add(e.Message);
            return null;
        }
    }
}
