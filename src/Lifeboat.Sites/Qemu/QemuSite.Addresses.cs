// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.Qemu.Instances;

namespace Lifeboat.Sites.Qemu;

internal sealed partial class QemuSite : ITellsAddresses
{
    public async Task<IReadOnlyList<string>> AddressesOutsideAsync(string instance, string? mac, CancellationToken ct)
    {
        var record = Known(instance);
        var nics = record.Description.Nics
            .Where(n => mac is null || n.Mac.Equals(mac, StringComparison.OrdinalIgnoreCase)).ToList();
        if (nics.Count == 0)
            throw new SiteException(SiteFault.Refused, mac is null ? $"{instance} has no NIC"
                : $"{instance} has no NIC with the MAC {mac}");
        // As described it has to be; what a guest says is of use where nothing is described.
        foreach (var nic in nics)
            if (nic.Address is { } described) return [described];
        var said = await SaidAsync(record, ct);
        foreach (var nic in nics)
            if (said.GetValueOrDefault(nic.Mac.ToLowerInvariant()) is { Count: > 0 } addresses)
                return [.. addresses.Order(StringComparer.Ordinal)];
        return [];
    }

    private async Task<IReadOnlyDictionary<string, IReadOnlyList<string>>> SaidAsync(InstanceRecord record,
        CancellationToken ct)
    {
        try
        {
            return await AddressesAsync(record.Name, ct);
        }
        catch (SiteException e) when (e.Fault is SiteFault.AgentUnreachable or SiteFault.Refused)
        {
            // It has no agent, or none yet: nobody knows its addresses.
            return new Dictionary<string, IReadOnlyList<string>>();
        }
    }
}
