// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.Qemu.Instances;
using Lifeboat.Sites.Qemu.Networks;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.Qemu;

internal sealed partial class QemuSite : IMakesBubbles
{
    // Bridges, addresses and DHCP servers are shared by all instances of a namespace.
    private readonly SemaphoreSlim _networking = new(1, 1);

    public async Task CreateBubbleAsync(string bubble, IReadOnlyList<InstanceDescription> members, CancellationToken ct)
    {
        var space = SpaceOf(bubble);
        var networks = members.SelectMany(NetworksOf).DistinctBy(n => n.Name).ToList();
        await EnsureAsync(space, networks, ct);
        LogBubbleCreated(bubble, space.Name);
    }

    // Only this host reaches it, and that is less than whoever `from` names.
    public async Task<string> OpenWayInAsync(string bubble, string instance, int port, string from,
        CancellationToken ct)
    {
        if (port is < 1 or > 65535) throw new SiteException(SiteFault.Refused, $"{port} is not a TCP port");
        var space = SpaceOf(bubble);
        var record = Known(instance);
        if (!space.Exists || record.Bubble != bubble)
            throw new SiteException(SiteFault.NetworkUnknown,
                $"there is no instance '{instance}' in a bubble '{bubble}'");
        if (await GuestAddressAsync(record, ct) is not { } address)
            throw new SiteException(SiteFault.AgentUnreachable,
                $"{instance}: no address is known yet: none is expected, none was leased, the guest agent named none");
        await _networking.WaitAsync(ct);
        try
        {
            var way = await new WayIn(space).OpenAsync(address, port, ct);
            LogWayInOpened(bubble, way, address, port);
            return way;
        }
        finally
        {
            _networking.Release();
        }
    }

    public async Task DeleteBubbleAsync(string bubble, CancellationToken ct)
    {
        var space = SpaceOf(bubble);
        await new WayIn(space).CloseAsync(ct);
        foreach (var copy in CopiesIn(bubble)) await RemoveAsync(copy.Name, ct);
        await _networking.WaitAsync(ct);
        try
        {
            await space.DeleteAsync(SiteNetwork.Read(NetworksFile), ct);
        }
        finally
        {
            _networking.Release();
        }
        LogBubbleDeleted(bubble);
    }

    public async Task<IReadOnlyList<string>> TracesAsync(string bubble, CancellationToken ct)
    {
        var space = SpaceOf(bubble);
        return
        [
            .. CopiesIn(bubble).Select(c => $"instance {c.Name}"),
            .. new WayIn(space).Traces(),
            .. await space.TracesAsync(ct),
        ];
    }

    // With its last running instance the site's own namespace goes: a stopped site leaves nothing on the host.
    private async Task DropUnusedNetworksAsync(CancellationToken ct)
    {
        await _networking.WaitAsync(ct);
        try
        {
            // Whoever starts an instance says so first and asks for its networks after that, under this lock.
            var used = _store.ReadAll().Any(r => r is { Bubble: null, Adopted: null, Description.Nics.Count: > 0 }
                && (_starting.ContainsKey(r.Name) || ProcessOf(r) is not null));
            if (!used) await ProductionSpace.DeleteAsync(SiteNetwork.Read(NetworksFile), ct);
        }
        finally
        {
            _networking.Release();
        }
    }

    private string NetworksFile => Path.Combine(_root, "networks.json");

    private IEnumerable<InstanceRecord> CopiesIn(string bubble) => _store.ReadAll().Where(r => r.Bubble == bubble);

    private NetworkSpace SpaceOf(InstanceRecord record) => record.Bubble is { } bubble ? SpaceOf(bubble)
        : ProductionSpace;

    private NetworkSpace ProductionSpace =>
        new("lb-" + SiteNetwork.Hash(_root, 8), Path.Combine(_root, "networks"), _time);

    private NetworkSpace SpaceOf(string bubble)
    {
        if (!EntityName.IsValid(bubble))
            throw new SiteException(SiteFault.Refused, $"'{bubble}' cannot name a bubble: {EntityName.Rule}");
        return new NetworkSpace($"{ProductionSpace.Name}-{bubble}", Path.Combine(_root, $"bubble-{bubble}"), _time);
    }

    private List<SiteNetwork> NetworksOf(InstanceDescription description)
    {
        var all = SiteNetwork.Read(NetworksFile);
        return
        [
            .. description.Nics.Select(n => n.Network).Distinct(StringComparer.Ordinal)
                .Select(name => all.FirstOrDefault(n => n.Name == name) ?? throw new SiteException(
                    SiteFault.NetworkUnknown, $"{description.Name}: network '{name}' is not at this site; "
                    + $"{NetworksFile} has: {string.Join(", ", all.Select(n => n.Name))}")),
        ];
    }

    private async Task EnsureAsync(NetworkSpace space, IReadOnlyList<SiteNetwork> networks, CancellationToken ct)
    {
        await _networking.WaitAsync(ct);
        try
        {
            await space.EnsureAsync(networks, ct);
        }
        finally
        {
            _networking.Release();
        }
    }

    [LoggerMessage(EventIds.BubbleCreated, LogLevel.Information, "Created bubble {Bubble} as namespace {Namespace}")]
    private partial void LogBubbleCreated(string bubble, string @namespace);

    [LoggerMessage(EventIds.BubbleDeleted, LogLevel.Information, "Deleted bubble {Bubble}")]
    private partial void LogBubbleDeleted(string bubble);

    [LoggerMessage(EventIds.WayInOpened, LogLevel.Information,
        "Opened a way into bubble {Bubble}: {Way} leads to {Address} port {Port}")]
    private partial void LogWayInOpened(string bubble, string way, string address, int port);
}
