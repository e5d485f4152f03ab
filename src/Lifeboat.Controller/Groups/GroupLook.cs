// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Peers;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Groups;

/// <summary>
/// What is known of many groups at one moment, asked for together: a few questions, however many groups there are.
/// </summary>
internal sealed class GroupLook
{
    // A peer that is slow must not make the 3 a.m. status slow.
    public static readonly TimeSpan PeerLimit = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, (IReadOnlyDictionary<string, SourceStatus> Said, ReasonCode Reason)> _sources =
        new(StringComparer.Ordinal);
    private readonly Dictionary<string, SourceStatus> _theirSources = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ReplicaStatus> _theirReplicas = new(StringComparer.Ordinal);
    private (IReadOnlyDictionary<string, ReplicaStatus> Said, ReasonCode Reason) _replicas;

    public required SpecStore.StoredSpecs Specs { get; init; }
    /// <summary>Runs under way, by group.</summary>
    public required IReadOnlyDictionary<string, Run> Runs { get; init; }
    public required IReadOnlyDictionary<string, DivergenceNotice> Divergences { get; init; }
    public required IReadOnlyDictionary<string, NotedState> States { get; init; }
    /// <summary>Groups that are in another state than was known of them.</summary>
    public Dictionary<string, NotedState> Noted { get; } = new(StringComparer.Ordinal);

    /// <summary>By group; empty where it was not asked for.</summary>
    public required IReadOnlyDictionary<string, DrillStatus> Drills { get; init; }

    /// <summary>What the agents of this site say.</summary>
    public async Task AskAgentsAsync(LocalSide here, CancellationToken ct)
    {
        var hosts = Specs.Sources.Where(s => s.Active).Select(s => s.Spec.Host).Distinct(StringComparer.Ordinal);
        var asked = hosts.Select(async host => (host, await AskAsync(here.SourcesAsync(host, ct)))).ToList();
        _replicas = Specs.Replicas.Any(r => r.Active)
            ? await AskAsync(here.ReplicasAsync(ct)) : Nothing<ReplicaStatus>();
        foreach (var (host, said) in await Task.WhenAll(asked)) _sources[host] = said;
    }

    /// <summary>What a paired site says; one that does not answer within two seconds says nothing.</summary>
    public async Task AskPeerAsync(PeerSide peer, SharedAnswer<PeerStatuses> shared, TimeProvider time,
        CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(PeerLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        try
        {
            var said = await shared.AskAsync(peer.StatusesAsync, either.Token);
            lock (_theirSources)
            {
                foreach (var source in said.Sources) _theirSources[source.Group] = source;
                foreach (var replica in said.Replicas) _theirReplicas[replica.Group] = replica;
            }
        }
        catch (Exception e) when (e is ProblemException
            || e is OperationCanceledException && !ct.IsCancellationRequested)
        {
            // Its own status says more; here it is left out.
        }
    }

    public SourceStatus? TheirSource(string group) => _theirSources.GetValueOrDefault(group);

    public ReplicaStatus? TheirReplica(string group) => _theirReplicas.GetValueOrDefault(group);

    /// <exception cref="ProblemException">Why the agent said nothing.</exception>
    public async Task<SourceStatus?> SourceAsync(LocalSide here, SpecStore.StoredSource wanted, CancellationToken ct)
    {
        var group = wanted.Spec.Group;
        var (said, reason) = _sources.GetValueOrDefault(wanted.Spec.Host, Nothing<SourceStatus>());
        if (reason is not ReasonCode.None) throw new ProblemException(reason, $"the source of {group} is not known");
        return said.GetValueOrDefault(group) ?? await here.SourceAsync(group, ct);
    }

    /// <exception cref="ProblemException">Why the agent said nothing, or JournalCorrupt.</exception>
    public async Task<ReplicaStatus?> ReplicaAsync(LocalSide here, string group, CancellationToken ct)
    {
        if (_replicas.Reason is not ReasonCode.None)
            throw new ProblemException(_replicas.Reason, $"the replica of {group} is not known");
        // One that cannot be opened is not among them: why, it says itself.
        return _replicas.Said.GetValueOrDefault(group) ?? await here.ReplicaAsync(group, ct);
    }

    private static (IReadOnlyDictionary<string, T>, ReasonCode) Nothing<T>(ReasonCode reason = ReasonCode.None) =>
        (new Dictionary<string, T>(), reason);

    private static async Task<(IReadOnlyDictionary<string, T>, ReasonCode)> AskAsync<T>(
        Task<IReadOnlyDictionary<string, T>> asked)
    {
        try
        {
            return (await asked, ReasonCode.None);
        }
        // An agent of the release before knows no lists; it is asked for each group.
        catch (ProblemException e) when (e.Reason is ReasonCode.Unexpected)
        {
            return Nothing<T>();
        }
        catch (ProblemException e)
        {
            return Nothing<T>(e.Reason);
        }
    }
}
