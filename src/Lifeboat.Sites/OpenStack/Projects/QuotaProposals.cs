// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;

namespace Lifeboat.Sites.OpenStack.Projects;

/// <param name="Raises">What is set, and to what.</param>
internal sealed record QuotaProposal(IReadOnlyList<ProjectQuota> Raises, IReadOnlyList<ProjectChange> Changes,
    IReadOnlyList<string> Gaps, IReadOnlyList<string> Notes);

/// <summary>
/// Which quotas a project needs here: those that it has there, and at least what is in use here with what its servers
/// ask for. None is ever lowered. Pure.
/// </summary>
internal static class QuotaProposals
{
    private static readonly string[] OfTypes = ["volumes_", "gigabytes_", "snapshots_"];

    /// <param name="needs">What servers ask for besides what is in use, by the names of this cloud.</param>
    /// <param name="here">What the project has, or what a new one gets.</param>
    /// <param name="typeHere">The name of a volume type of the other cloud at this one.</param>
    public static QuotaProposal Of(IReadOnlyList<ProjectQuota> theirs, QuotaNeeds needs,
        IReadOnlyDictionary<QuotaArea, IReadOnlyDictionary<string, CloudQuota>> here, RecoveryMap told,
        Func<string, string> typeHere)
    {
        var raises = new List<ProjectQuota>();
        var (changes, gaps, unknown, larger) = (new List<ProjectChange>(), new List<string>(), new List<string>(),
            new List<string>());
        var described = theirs.Select(q => q with { Resource = Resource(q, typeHere) })
            .GroupBy(q => (q.Area, q.Resource)).ToDictionary(g => g.Key, Sum);
        foreach (var name in told.Quotas.Keys.Where(n => !here.Any(s => s.Value.Keys.Any(r =>
            Name(s.Key, r) == n))))
            gaps.Add($"options.map.quotas has '{name}', which this cloud does not know");
        foreach (var (service, resource) in described.Keys.Union(needs.Keys).Order())
        {
            var name = Name(service, resource);
            if (here.GetValueOrDefault(service)?.GetValueOrDefault(resource) is not { } has)
            {
                unknown.Add(name);
                continue;
            }
            var needed = needs.Of(service, resource) is > 0 and var more ? has.Used + more : 0;
            var there = described.TryGetValue((service, resource), out var limit) ? limit : (long?)null;
            var wanted = Larger(there ?? 0, Math.Max(needed, has.Used));
            if (told.Quotas.TryGetValue(name, out var said))
            {
                if (said >= 0 && said < Math.Max(needed, has.Used))
                    gaps.Add($"quota {name}: options.map.quotas says {Text(said)}, {Text(has.Used)} are in use here "
                        + $"and {Text(Math.Max(needed - has.Used, 0))} more are needed by what is recovered here");
                wanted = said;
            }
            if (Larger(has.Limit, wanted) == has.Limit)
            {
                if (has.Limit != wanted) larger.Add($"{name} {Text(has.Limit)} ({Text(wanted)})");
                continue;
            }
            raises.Add(new ProjectQuota(service, resource, wanted));
            changes.Add(new ProjectChange(ProjectChangeKind.Quota, name, Text(has.Limit), Text(wanted)));
        }
        List<string> notes = [];
        if (larger.Count > 0)
            notes.Add($"quotas are larger here than wanted, and stay: {string.Join(", ", larger)}");
        if (unknown.Count > 0)
            notes.Add($"quotas that this cloud does not know, and that are left out: {string.Join(", ", unknown)}");
        return new QuotaProposal(raises, changes, gaps, notes);
    }

    public static string Name(QuotaArea service) => service switch
    {
        QuotaArea.Compute => "compute",
        QuotaArea.Volumes => "volumes",
        QuotaArea.Networks => "networks",
    };

    public static string Name(QuotaArea service, string resource) => $"{Name(service)}.{resource}";

    public static string Text(long limit) => limit < 0 ? "no limit" : limit.ToString(CultureInfo.InvariantCulture);

    private static string Resource(ProjectQuota quota, Func<string, string> typeHere) =>
        quota.Area is QuotaArea.Volumes && OfTypes.FirstOrDefault(p =>
            quota.Resource.StartsWith(p, StringComparison.Ordinal)) is { } prefix
            ? prefix + typeHere(quota.Resource[prefix.Length..]) : quota.Resource;

    // Two types of the other cloud may be one here.
    private static long Sum(IEnumerable<ProjectQuota> quotas) =>
        quotas.Aggregate(0L, (sum, q) => sum < 0 || q.Limit < 0 ? -1 : sum + q.Limit);

    private static long Larger(long one, long other) => one < 0 || other < 0 ? -1 : Math.Max(one, other);
}

/// <summary>What servers ask of quotas.</summary>
internal sealed record QuotaNeeds(IReadOnlyDictionary<(QuotaArea Area, string Resource), long> All)
{
    public static readonly QuotaNeeds None = new(new Dictionary<(QuotaArea, string), long>());

    public IEnumerable<(QuotaArea Area, string Resource)> Keys => All.Keys;

    public long Of(QuotaArea service, string resource) => All.GetValueOrDefault((service, resource));

    /// <summary>Enough for either.</summary>
    public QuotaNeeds Or(QuotaNeeds other) => new(Keys.Union(other.Keys).ToDictionary(k => k,
        k => Math.Max(Of(k.Area, k.Resource), other.Of(k.Area, k.Resource))));
}
