// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Building;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Networking;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack;

internal sealed partial class OpenStackSite
{
    public Task<SiteFit> FitAsync(IReadOnlyList<InstanceDescription> instances, bool isolated, CancellationToken ct) =>
        AskAsync(async () =>
        {
            var servers = await _cloud.Nova.ServersAsync(ct);
            var named = ServerNames.Of(servers);
            var home = isolated ? [] : instances.Where(i => named.GetValueOrDefault(i.Name) is { } own
                && IsHome(own, i)).ToList();
            var back = new List<(string, string)>();
            foreach (var one in home)
                back.AddRange((await ReturnGapsAsync(named[one.Name], one, ct)).Select(g => (one.Name, g)));
            var anew = home.Count == instances.Count ? SiteFit.Whole
                : await FitAnewAsync([.. instances.Except(home)], servers, isolated, ct);
            return anew with { Gaps = [.. SiteFit.Said(back), .. anew.Gaps] };
        });

    private async Task<SiteFit> FitAnewAsync(IReadOnlyList<InstanceDescription> instances,
        IReadOnlyList<NovaServer> servers, bool isolated, CancellationToken ct)
    {
        var ports = await _cloud.Neutron.PortsOfProjectAsync(ct);
        var project = await _cloud.InventoryAsync(ct);
        if (!isolated) project = project with { Held = await HeldAsync(instances, servers, ports, project, ct) };
        var notes = new List<string>();
        var (told, room) = await AskAdminAsync(project, instances, notes, ct);
        var plan = CloudMapper.Map(instances, told, _options.Map, isolated);
        var untold = plan.Pools.Keys.Where(p => !told.FreeAddresses.ContainsKey(p)).ToList();
        if (untold.Count > 0)
        {
            told = await TryPoolsAsync(told, untold, notes, ct);
            plan = CloudMapper.Map(instances, told, _options.Map, isolated);
        }
        var written = plan.Servers.Where(s => s.Things.Any(t => t.Kind is MappedKind.VolumeType
            && _options.Volumes.GetValueOrDefault(t.To)?.Appliance is true)).Select(s => s.Instance).ToList();
        IReadOnlyList<string> missing = [];
        if (_appliances is not null && written.Count > 0)
        {
            (missing, var need) = _appliances.Fit(told, servers);
            plan = CloudMapper.Map(instances, told with { Appliance = need }, _options.Map, isolated);
        }
        var named = ServerNames.Of(servers);
        var each = instances.Zip(plan.Servers).SelectMany(i =>
            _volumes.Gaps(i.Second).Concat(isolated ? [] : TakenGaps(i.First, i.Second, named, ports))
                .Select(g => (i.First.Name, g)));
        return new SiteFit([.. plan.Gaps, .. SiteFit.Said(each.Concat(room)
            .Concat(written.SelectMany(i => missing.Select(m => (i, m)))))], [.. plan.Notes, .. notes]);
    }

    // What a member of the project is not told, where somebody may be asked who is.
    private async Task<(CloudInventory Told, IReadOnlyList<(string Instance, string Gap)> Room)> AskAdminAsync(
        CloudInventory project, IReadOnlyList<InstanceDescription> instances, List<string> notes, CancellationToken ct)
    {
        if (_adminSession is null) return (project, await RoomGapsAsync(_cloud, instances, ct));
        var admin = new CloudClients(_adminSession);
        try
        {
            return (project with { FreeAddresses = await admin.FreeAddressesAsync(project.Networks, ct) },
                await RoomGapsAsync(admin, instances, ct));
        }
        catch (CloudException e)
        {
            LogAdminNotHeard(_options.AdminCloud!, e.Message);
            notes.Add($"options.adminCloud '{_options.AdminCloud}' cannot be asked for free addresses of pools and "
                + $"room on hosts: {e.Message}");
            return (project, []);
        }
    }

    private static async Task<IReadOnlyList<(string Instance, string Gap)>> RoomGapsAsync(CloudClients cloud,
        IReadOnlyList<InstanceDescription> instances, CancellationToken ct)
    {
        var gaps = new List<(string, string)>();
        foreach (var size in instances.GroupBy(i => (i.Cpus, i.MemoryMiB)))
            if (await cloud.Placement.HasRoomAsync(size.Key.Cpus, size.Key.MemoryMiB, 0, ct) is false)
                gaps.AddRange(size.Select(i => (i.Name,
                    $"no host has room for {size.Key.Cpus} vCPU and {size.Key.MemoryMiB} MiB now")));
        return gaps;
    }

    // Without being told how many are free it can be tried whether one is.
    private async Task<CloudInventory> TryPoolsAsync(CloudInventory project, IReadOnlyList<string> pools,
        List<string> notes, CancellationToken ct)
    {
        var free = new Dictionary<string, long>(project.FreeAddresses, StringComparer.Ordinal);
        foreach (var pool in pools)
        {
            var has = await _cloud.Neutron.HasFreeAddressAsync(pool, ct);
            var name = project.Networks.First(n => n.Id == pool).Name;
            if (has is false) free[pool] = 0;
            else notes.Add($"how many addresses of pool '{name}' are free is told to administrators only "
                + $"(options.adminCloud){(has is true ? "; one is" : "")}");
        }
        return project with { FreeAddresses = free };
    }

    private async Task<IReadOnlyDictionary<string, HeldThings>> HeldAsync(IReadOnlyList<InstanceDescription> instances,
        IReadOnlyList<NovaServer> servers, IReadOnlyList<NeutronPort> ports, CloudInventory project,
        CancellationToken ct)
    {
        var unused = (await _volumes.UnusedAsync(ct)).ToList();
        return instances.ToDictionary(i => i.Name, i => new HeldThings(
            [.. servers.Where(s => ServerNames.Tagged(s) == i.Name).Select(s => (s.Flavor.Vcpus, s.Flavor.Ram))],
            [.. unused.Where(v => Surroundings.IsOf(i.Name, v.Name)).Select(v => (v.Size, v.VolumeType))],
            ports.Count(p => Surroundings.IsOf(i.Name, p.Name)),
            [.. project.FloatingIps.Where(f => Surroundings.IsOf(i.Name, f.Description))
                .Select(f => f.FloatingNetworkId)]), StringComparer.Ordinal);
    }

    // Of an instance that comes home the server that it once was has both, as long as it is there.
    private IEnumerable<string> TakenGaps(InstanceDescription description, ServerMapping mapping,
        IReadOnlyDictionary<string, NovaServer> named, IReadOnlyList<NeutronPort> ports)
    {
        if (named.GetValueOrDefault(description.Name) is { } server && ServerNames.Tagged(server) is null)
            yield return NameTaken(server);
        foreach (var port in CloudMapper.AsServer(description).Ports)
        {
            if (mapping.Find(MappedKind.Network, port.Network)?.Id is not { } network) continue;
            var wanted = _options.Map.NewAddresses.Contains(port.Network) ? []
                : port.Addresses.Select(a => a.Address).ToHashSet(StringComparer.Ordinal);
            foreach (var other in ports.Where(p => p.NetworkId == network
                && !Surroundings.IsOf(description.Name, p.Name)))
            {
                var same = (other.FixedIps ?? []).Select(f => f.IpAddress).FirstOrDefault(a =>
                    a is not null && wanted.Contains(a)) ?? (other.MacAddress == port.Mac ? port.Mac : null);
                if (same is not null && !GivesWay(other))
                    yield return $"network '{port.Network}': {same} is taken by port "
                        + $"{(other.Name is { Length: > 0 } name ? $"'{name}'" : other.Id)} "
                        + $"({(other.DeviceOwner is { Length: > 0 } owner ? owner : "of no server")})";
            }
        }

        bool GivesWay(NeutronPort other) => other.IsDhcp() && mapping.Things.Any(t => t.Id == other.NetworkId
            && t is { Kind: MappedKind.Network, IsOurs: true });
    }

    [LoggerMessage(EventIds.CloudAdminNotHeard, LogLevel.Warning,
        "The login options.adminCloud '{Login}' could not be asked: {Message}")]
    private partial void LogAdminNotHeard(string login, string message);
}
