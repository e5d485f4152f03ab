// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Replication.Shipping;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Sources;

/// <summary>
/// This agent's part in checkpoints shared by groups of several agents (phases: GroupSource.Holding). A coordinator
/// that is gone holds nothing: a cut that is not settled in time is withdrawn.
/// </summary>
internal sealed partial class SharedCuts(SourceRoster sources, TimeProvider time, ILogger<SharedCuts> logger)
{
    private readonly ConcurrentDictionary<Guid, AgentCut> _cuts = new();

    public async Task ReserveAsync(SharedCutRequest request, CancellationToken ct)
    {
        var distinct = request.Groups.Distinct(StringComparer.Ordinal).Count();
        if (distinct == 0 || distinct != request.Groups.Count)
            throw new ProblemException(ReasonCode.InvalidRequest, "groups: at least one, and none twice");
        HostedSource[] members = [.. request.Groups.Select(sources.Get)];
        if (_cuts.ContainsKey(request.Id)) return;
        var cut = new AgentCut(request);
        try
        {
            // In one order, so that two coordinators never wait for each other.
            foreach (var member in members.OrderBy(m => m.Spec.Group, StringComparer.Ordinal))
                cut.Add(member.Spec.Group, await ReserveAsync(member, ct));
            if (!_cuts.TryAdd(request.Id, cut))
                throw new ProblemException(ReasonCode.Conflict, $"the shared checkpoint {request.Id} is being made");
        }
        catch
        {
            cut.Dispose();
            throw;
        }
        cut.ExpireAfter(SharedCutRequest.Lifetime, time, () => Expire(request.Id));
    }

    public void Hold(Guid id)
    {
        if (Find(id).Hold() is { } group)
            throw new ProblemException(ReasonCode.CaptureLost, $"group {group} is not captured now");
    }

    /// <summary>Cuts and releases; how it went is asked with <see cref="CutAsync"/>.</summary>
    public void Cut(Guid id) => Find(id).Cut();

    public async Task<SharedCutResult> CutAsync(Guid id, CancellationToken ct) => await Find(id).CutAsync(ct);

    public void Settle(Guid id, SettleRequest request)
    {
        if (!_cuts.TryRemove(id, out var cut))
        {
            // Repeated; or too late, and then the coordinator must not believe that the point counts.
            if (!request.Agreed) return;
            throw new ProblemException(ReasonCode.Timeout, $"the shared checkpoint {id} is not waiting to be settled");
        }
        using (cut) cut.Settle(request.Agreed);
    }

    private async Task<GroupSource.SharedCut> ReserveAsync(HostedSource member, CancellationToken ct)
    {
        // Cancelled by the caller (ct) or when the group is busy for too long.
        using var limit = new CancellationTokenSource(SharedCutRequest.Lifetime / 2, time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        try
        {
            return await member.ReserveAsync(any.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new ProblemException(
                ReasonCode.Conflict, $"group {member.Spec.Group} is busy with another checkpoint");
        }
    }

    private AgentCut Find(Guid id) => _cuts.TryGetValue(id, out var cut)
        ? cut
        : throw new ProblemException(ReasonCode.Timeout, $"there is no shared checkpoint {id} under way here");

    private void Expire(Guid id)
    {
        if (!_cuts.TryRemove(id, out var cut)) return;
        cut.Dispose();
        LogExpired(id);
    }

    [LoggerMessage(EventIds.SharedCutExpired, LogLevel.Warning,
        "Shared checkpoint {Id} was not settled in time and is withdrawn")]
    private partial void LogExpired(Guid id);
}
