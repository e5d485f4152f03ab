// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Agent.Replicas;

// States that gave way when both sides of a group had written (I5). Each is a replica of its own beside the group's:
// its images, one point, no stream. So it holds back nothing of the group's history, and outlives the group's replica.
//
// A point's id says which of them is meant; a view's and a pin's name are looked for in all.
internal sealed partial class ReplicaRoster
{
    /// <summary>Keeps what the seeds hold. Kept once under a name it stays as it is.</summary>
    public async Task<KeptInfo> KeepAsync(ReplicaSpec spec, CancellationToken ct)
    {
        ReplicaChecks.Form(spec, keeps: true);
        await _changing.WaitAsync(ct);
        try
        {
            if (_broken.ContainsKey(spec.Key)) Get(spec.Key);
            if (!_replicas.ContainsKey(spec.Key))
            {
                await ReplicaChecks.PlacesAsync(spec, _parts, ct);
                await OpenNewAsync(spec, null, ct);
            }
            return Get(spec.Key).Kept();
        }
        finally
        {
            _changing.Release();
        }
    }

    public IReadOnlyList<KeptInfo> Kept(string group) => [.. KeptOf(group).Select(k => k.Kept())];

    public async Task DeleteKeptAsync(string group, CancellationToken ct)
    {
        await _changing.WaitAsync(ct);
        try
        {
            var keys = _replicas.Keys.Concat(_broken.Keys)
                .Where(k => k.StartsWith(group + ".", StringComparison.Ordinal)).Distinct().ToList();
            foreach (var key in keys) await DeleteLockedAsync(key, ct);
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <exception cref="ProblemException">GroupUnknown: neither a replica nor a kept state.</exception>
    public IReadOnlyList<RecoveryPoint> Points(string group) =>
        [.. HoldersOf(group).SelectMany(h => h.Spec.Keep is null ? h.Points : [Without(h.Points[0], h.Spec)])];

    // Kept before the group was given a volume.
    private RecoveryPoint Without(RecoveryPoint kept, ReplicaSpec spec)
    {
        if (!_replicas.TryGetValue(spec.Group, out var replica)) return kept;
        List<string> later = [.. replica.Spec.Volumes.Select(v => v.Name).Except(spec.Volumes.Select(v => v.Name))];
        return later.Count == 0 ? kept : kept with { Without = later };
    }

    public Task PinAsync(string group, PinRequest pin, CancellationToken ct) => HolderOf(group, pin.PointId)
        .PinAsync(pin, ct);

    public async Task UnpinAsync(string group, string name, CancellationToken ct)
    {
        foreach (var holder in HoldersOf(group))
        {
            await holder.UnpinAsync(name, ct);
            await ReleaseAsync(holder, ct);
        }
    }

    public Task<ViewInfo> OpenViewAsync(string group, ViewRequest request, CancellationToken ct)
    {
        var holder = HoldersOf(group).FirstOrDefault(h => h.HasView(request.Name)) ?? HolderOf(group, request.PointId);
        return holder.OpenViewAsync(request, ct);
    }

    public async Task CloseViewAsync(string group, string name, CancellationToken ct)
    {
        foreach (var holder in HoldersOf(group))
        {
            await holder.CloseViewAsync(name, ct);
            await ReleaseAsync(holder, ct);
        }
    }

    // The last one who held it has let it go. Who opens a view of it at that moment is told that it is not there.
    private async Task ReleaseAsync(HostedReplica holder, CancellationToken ct)
    {
        if (holder.Spec.Keep is null || !holder.IsFree) return;
        await _changing.WaitAsync(ct);
        try
        {
            if (_replicas.GetValueOrDefault(holder.Spec.Key) == holder && holder.IsFree)
                await DeleteLockedAsync(holder.Spec.Key, ct);
        }
        finally
        {
            _changing.Release();
        }
    }

    private HostedReplica HolderOf(string group, Guid? point) => point is { } id
        && KeptOf(group).FirstOrDefault(k => k.Points[0].Id == id) is { } kept ? kept : Get(group);

    private List<HostedReplica> HoldersOf(string group)
    {
        var kept = KeptOf(group);
        // Without any the answer is the exception that says why.
        return _replicas.TryGetValue(group, out var replica) ? [.. kept, replica]
            : kept.Count > 0 ? kept : [Get(group)];
    }

    private List<HostedReplica> KeptOf(string group) =>
        [.. _replicas.Values.Where(r => r.Spec.Keep is not null && r.Spec.Group == group)
            .OrderBy(r => r.Spec.Keep!.CutAt).ThenBy(r => r.Spec.Key, StringComparer.Ordinal)];
}
