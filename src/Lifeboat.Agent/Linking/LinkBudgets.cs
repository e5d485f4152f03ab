// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Links;
using Lifeboat.Replication.Linking;

namespace Lifeboat.Agent.Linking;

/// <summary>What this agent may send to each paired site; the settings are kept on disk over restarts.</summary>
internal sealed class LinkBudgets(SitePaths paths, TimeProvider time) : IDisposable
{
    private readonly SpecFiles<StoredLink> _files = new(Path.Combine(paths.AgentState, "links"));
    private readonly ConcurrentDictionary<string, LinkBudget> _budgets = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _changing = new(1, 1);

    public async Task RestoreAsync(CancellationToken ct)
    {
        foreach (var link in await _files.LoadAsync(ct)) Of(link.Peer).Settings = link.Settings;
    }

    public IReadOnlyList<string> Peers => [.. _budgets.Keys.Order(StringComparer.Ordinal)];

    public LinkBudget Of(string peer) => _budgets.GetOrAdd(peer, _ => new LinkBudget(time));

    /// <exception cref="ProblemException">InvalidRequest, with all that is wrong.</exception>
    public async Task<LinkStatus> PutAsync(string peer, LinkSettings settings, CancellationToken ct)
    {
        var problems = settings.Problems();
        if (!EntityName.IsValid(peer)) problems = [$"peer is '{peer}'; {EntityName.Rule}", .. problems];
        if (problems.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, $"the link to {peer} would have faults", null,
                problems);
        await _changing.WaitAsync(ct);
        try
        {
            var link = new StoredLink(peer, settings);
            if (!SpecFiles<StoredLink>.AreSame(link, new StoredLink(peer, Of(peer).Settings)))
                await _files.SaveAsync(peer, link, ct);
            Of(peer).Settings = settings;
        }
        finally
        {
            _changing.Release();
        }
        return Status(peer);
    }

    public LinkStatus Status(string peer)
    {
        var budget = Of(peer);
        return new LinkStatus(peer, budget.Settings, budget.BytesPerSecond, budget.WireBytes,
            [.. budget.PathStates().Select(p => new LinkPathStatus(
                p.Path, p.Up, p.Wanted, p.WireBytes, p.MovedBytes, p.Detail))]);
    }

    public void Dispose() => _changing.Dispose();

    private sealed record StoredLink(string Peer, LinkSettings Settings);
}
