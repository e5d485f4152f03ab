// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Projects;

namespace Lifeboat.Sites.OpenStack.Mapping;

/// <summary>What servers ask of a project's quotas and pools, summed up; and who asks.</summary>
internal sealed class Needs
{
    private readonly SortedDictionary<string, Wanted> _compute = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, Wanted> _volumes = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, Wanted> _networks = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, Wanted> _pools = new(StringComparer.Ordinal);
    private readonly HashSet<string> _made = new(StringComparer.Ordinal);
    private readonly List<(string Who, int GiB)> _sizes = [];

    /// <summary>The server that what follows is for.</summary>
    public string Who { get; set; } = "";

    public IReadOnlyDictionary<string, long> Pools => _pools.Where(p => p.Value.Sum > 0)
        .ToDictionary(p => p.Key, p => p.Value.Sum, StringComparer.Ordinal);

    /// <summary>All that is asked of quotas.</summary>
    public QuotaNeeds Quotas => new(Asked(QuotaArea.Compute, _compute).Concat(Asked(QuotaArea.Volumes, _volumes))
        .Concat(Asked(QuotaArea.Networks, _networks))
        .Concat(_sizes.Select(s => (Key: (QuotaArea.Volumes, "per_volume_gigabytes"), Sum: (long)s.GiB)))
        .GroupBy(w => w.Key).ToDictionary(g => g.Key, g => g.Max(w => w.Sum)));

    public void Server(int vcpus, int memoryMiB)
    {
        Add(_compute, "instances", 1);
        Add(_compute, "cores", vcpus);
        Add(_compute, "ram", memoryMiB);
    }

    /// <summary>One is enough, so one is asked for.</summary>
    public void Appliance(ApplianceNeed need)
    {
        Who = "a recovery appliance";
        Server(need.Vcpus, need.MemoryMiB);
        if (need.RootGiB > 0) Volume(need.RootGiB, null);
        Network("port", 1);
        if (need.Pool is { } pool) FloatingAddress(pool);
    }

    /// <param name="type">Name of the volume type here; null: not known.</param>
    public void Volume(int sizeGiB, string? type)
    {
        Add(_volumes, "volumes", 1);
        Add(_volumes, "gigabytes", sizeGiB);
        _sizes.Add((Who, sizeGiB));
        if (type is null) return;
        Add(_volumes, $"volumes_{type}", 1);
        Add(_volumes, $"gigabytes_{type}", sizeGiB);
    }

    public void Network(string resource, long count) => Add(_networks, resource, count);

    /// <summary>A thing that several servers share is made once.</summary>
    /// <returns>True: it was not counted yet.</returns>
    public bool MadeFirst(string thing) => _made.Add(thing);

    /// <param name="pool">Id of the external network.</param>
    public void FloatingAddress(string pool)
    {
        Add(_networks, "floatingip", 1);
        Add(_pools, pool, 1);
    }

    /// <summary>A router takes an address of the pool, and no floating one.</summary>
    public void Gateway(string pool) => Add(_pools, pool, 1);

    /// <summary>That much of what the server asks for is here already.</summary>
    public void Has(HeldThings held)
    {
        foreach (var (vcpus, memory) in held.Servers)
        {
            Take(_compute, "instances", 1);
            Take(_compute, "cores", vcpus);
            Take(_compute, "ram", memory);
        }
        foreach (var (size, type) in held.Volumes)
        {
            Take(_volumes, "volumes", 1);
            Take(_volumes, "gigabytes", size);
            Take(_volumes, $"volumes_{type}", 1);
            Take(_volumes, $"gigabytes_{type}", size);
        }
        Take(_networks, "port", held.Ports);
        foreach (var pool in held.FloatingPools)
        {
            Take(_networks, "floatingip", 1);
            Take(_pools, pool, 1);
        }
    }

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
        if (cloud.VolumeQuotas.TryGetValue("per_volume_gigabytes", out var one) && one.Limit >= 0)
            foreach (var large in _sizes.Where(s => s.GiB > one.Limit).GroupBy(s => s.GiB))
                yield return Text(large.Select(l => l.Who).Distinct(),
                    $"quota of Cinder: a volume of {large.Key} GiB is wanted, one may have {one.Limit}");
        if (cloud.NetworkQuotas is { } known)
            foreach (var gap in Gaps("Neutron", _networks, known)) yield return gap;
        foreach (var (pool, wanted) in _pools)
            if (cloud.FreeAddresses.TryGetValue(pool, out var free) && wanted.Sum > free)
                yield return Text(wanted.Who,
                    $"floating pool '{Name(cloud, pool)}' is used up: {wanted.Sum} wanted, {free} free");
    }

    private static string Name(CloudInventory cloud, string network) =>
        cloud.Networks.FirstOrDefault(n => n.Id == network)?.Name ?? network;

    private static IEnumerable<string> Gaps(string service, IEnumerable<KeyValuePair<string, Wanted>> wanted,
        IReadOnlyDictionary<string, CloudQuota> quotas) =>
        from need in wanted
        where quotas.TryGetValue(need.Key, out var quota) && need.Value.Sum > (quota.Free ?? long.MaxValue)
        let has = quotas[need.Key]
        select Text(need.Value.Who,
            $"quota of {service}: {need.Value.Sum} {need.Key} wanted, {has.Free} of {has.Limit} free");

    private void Add(SortedDictionary<string, Wanted> to, string what, long count)
    {
        if (!to.TryGetValue(what, out var wanted)) to[what] = wanted = new Wanted();
        wanted.Add(Who, count);
    }

    private void Take(SortedDictionary<string, Wanted> from, string what, long count) =>
        from.GetValueOrDefault(what)?.Add(Who, -count);

    private static IEnumerable<((QuotaArea, string) Key, long Sum)> Asked(QuotaArea service,
        SortedDictionary<string, Wanted> wanted) =>
        wanted.Where(w => w.Value.Sum > 0).Select(w => ((service, w.Key), w.Value.Sum));

    private static string Text(IEnumerable<string> who, FormattableString text) =>
        $"{string.Join(", ", who)}: {text.ToString(CultureInfo.InvariantCulture)}";

    private sealed class Wanted
    {
        private readonly Dictionary<string, long> _by = new(StringComparer.Ordinal);

        public long Sum => _by.Values.Sum(count => Math.Max(0, count));
        public IEnumerable<string> Who => _by.Where(b => b.Value > 0).Select(b => b.Key);

        public void Add(string who, long count) => _by[who] = _by.GetValueOrDefault(who) + count;
    }
}
