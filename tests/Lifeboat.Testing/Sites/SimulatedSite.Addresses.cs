// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites;

namespace Lifeboat.Testing.Sites;

public sealed partial class SimulatedSite : ITellsAddresses
{
    /// <summary>Addresses from outside by instance; others have none.</summary>
    public Dictionary<string, IReadOnlyList<string>> Outside { get; } = new(StringComparer.Ordinal);

    public Task<IReadOnlyList<string>> AddressesOutsideAsync(string instance, string? mac, CancellationToken ct) =>
        CallAsync(nameof(AddressesOutsideAsync), instance, () =>
        {
            var nics = Find(instance).Request.Description.Nics;
            if (mac is not null && nics.All(n => !n.Mac.Equals(mac, StringComparison.OrdinalIgnoreCase)))
                throw new SiteException(SiteFault.Refused, $"{instance} has no NIC with the MAC {mac}");
            return Outside.GetValueOrDefault(instance, []);
        }, ct);
}
