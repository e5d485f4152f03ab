// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.Mapping;

/// <summary>What servers ask of a project's quotas and pools, summed up.</summary>
internal sealed class Needs
{
    private readonly SortedDictionary<string, long> _compute = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _volumes = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _networks = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _addresses = new(StringComparer.Ordinal);
    private readonly HashSet<string> _made = new(StringComparer.Ordinal);
    private long _largestGiB;

    public void Server(int vcpus, int memoryMiB)
    {
        Add(_compute, "instances", 1);
        Add(_compute, "cores", vcpus);
        Add(_compute, "ram", memoryMiB);
    }

    /// <param name="type">Name of the volume type here; null: not known.</param>
    public void Volume(int sizeGiB, string? type)
    {
        Add(_volumes, "volumes", 1);
        Add(_volumes, "gigabytes", sizeGiB);
        _largestGiB = Math.Max(_largestGiB, sizeGiB);
        if (type is null) return;
        Add(_volumes, $"volumes_{type}", 1);
        Add(_volumes, $"gigabytes_{type}", sizeGiB);
    }

    public void Network(string resource, long count) => Add(_networks, resource, count);

    /// <summary>A thing that several servers share is made once.</summary>
    /// <returns>True: it was not counted yet.</returns>
    public bool MadeFirst(string thing) => _made.Add(thing);

    /// <param name="pool">Id of the external network.</param>
    public void FloatingAddress(string pool) => Add(_addresses, pool, 1);

    public IEnumerable<string> Gaps(CloudInventory cloud)
    {
        if (cloud.Limits is { } limits)
        {
            var quotas = new Dictionary<string, CloudQuota>
            {
                ["instances"] = new(limits.MaxInstances, limits.InstancesUsed),
                ["cores"] = new(limits.MaxCores, limits.CoresUsed),
                ["ram"] = new(limits.MaxRamMiB, limits.RamUsedMiB),
            };
            foreach (var gap in Gaps("Nova", _compute, quotas)) yield return gap;
        }
        foreach (var gap in Gaps("Cinder", _volumes, cloud.VolumeQuotas)) yield return gap;
        if (cloud.VolumeQuotas.TryGetValue("per_volume_gigabytes", out var largest) && largest.Limit >= 0
            && _largestGiB > largest.Limit)
            yield return Text(
                $"quota of Cinder: a volume of {_largestGiB} GiB is wanted, one may have {largest.Limit}");
        var unattached = cloud.FloatingIps.Where(f => f.PortId is null).ToLookup(f => f.FloatingNetworkId);
        var toTake = _addresses.Sum(a => Math.Max(0, a.Value - unattached[a.Key].Count()));
        var networks = new SortedDictionary<string, long>(_networks, StringComparer.Ordinal);
        if (toTake > 0) networks["floatingip"] = toTake;
        if (cloud.NetworkQuotas is { } known)
            foreach (var gap in Gaps("Neutron", networks, known)) yield return gap;
        foreach (var (pool, wanted) in _addresses)
        {
            // Addresses that the project holds and does not use are as good as free ones.
            var own = unattached[pool].Count();
            if (cloud.FreeAddresses.TryGetValue(pool, out var free) && wanted > free + own)
                yield return Text($"floating pool '{Name(cloud, pool)}' is used up: {wanted} wanted, {free} free")
                    + (own > 0 ? Text($", {own} of the project's own unused") : "");
        }
    }

    private static string Name(CloudInventory cloud, string network) =>
        cloud.Networks.FirstOrDefault(n => n.Id == network)?.Name ?? network;

    private static IEnumerable<string> Gaps(string service, IEnumerable<KeyValuePair<string, long>> wanted,
        IReadOnlyDictionary<string, CloudQuota> quotas) =>
        from need in wanted
        where quotas.TryGetValue(need.Key, out var quota) && need.Value > (quota.Free ?? long.MaxValue)
        let has = quotas[need.Key]
        select Text($"quota of {service}: {need.Value} {need.Key} wanted, {has.Free} of {has.Limit} free");

    private static void Add(SortedDictionary<string, long> to, string what, long count) =>
        to[what] = to.GetValueOrDefault(what) + count;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
