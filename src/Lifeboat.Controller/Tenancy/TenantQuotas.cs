// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Globalization;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Tenancy;

/// <summary>
/// What tenants have, and whether they may have more. Counted over all groups that this site knows, wherever they run:
/// a
/// failover must not free a place.
/// </summary>
internal sealed class TenantQuotas(TenantStore tenants, GroupStore groups)
{
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _gates = new(StringComparer.Ordinal);

    public (int Groups, long Bytes) Used(string tenant)
    {
        var own = groups.All().Where(r => !r.Removed).Select(r => r.Definition).Where(d => d.Tenant == tenant).ToList();
        return (own.Count, own.Sum(g => g.Volumes.Sum(v => v.SizeBytes)));
    }

    /// <summary>Of one tenant, one after the other: two that fit each alone need not fit together.</summary>
    /// <param name="more">Groups that are added.</param>
    /// <param name="bytes">Bytes of volumes that are added.</param>
    /// <exception cref="ProblemException">QuotaExceeded, with all limits that are in the way.</exception>
    public async Task<T> WithinAsync<T>(string tenant, int more, long bytes, Func<Task<T>> work, CancellationToken ct)
    {
        var limits = tenants.Find(tenant)?.Limits ?? TenantLimits.None;
        if (limits is { GroupsMax: null, ProtectedBytesMax: null }) return await work();
        var gate = _gates.GetOrAdd(tenant, _ => new SemaphoreSlim(1, 1));
        await gate.WaitAsync(ct);
        try
        {
            ThrowIfExceeded(tenant, limits, (more, bytes));
            return await work();
        }
        finally
        {
            gate.Release();
        }
    }

    private void ThrowIfExceeded(string tenant, TenantLimits limits, (int Groups, long Bytes) more)
    {
        var faults = Exceeded(limits, Used(tenant), more);
        if (faults.Count > 0)
            throw new ProblemException(ReasonCode.QuotaExceeded, $"tenant {tenant} may not have more", null, faults);
    }

    /// <summary>The limits that are in the way.</summary>
    public static IReadOnlyList<string> Exceeded(TenantLimits limits, (int Groups, long Bytes) used,
        (int Groups, long Bytes) more)
    {
        var faults = new List<string>();
        if (more.Groups > 0 && used.Groups + more.Groups > limits.GroupsMax)
            faults.Add($"it has {used.Groups} groups of {limits.GroupsMax}");
        if (more.Bytes > 0 && used.Bytes + more.Bytes > limits.ProtectedBytesMax)
            faults.Add($"it protects {Text(used.Bytes)} of {Text(limits.ProtectedBytesMax.Value)}, this is "
                + $"{Text(more.Bytes)} more");
        return faults;
    }

    private static string Text(long bytes) =>
        (bytes / (double)(1 << 30)).ToString("0.###", CultureInfo.InvariantCulture) + " GiB";
}
