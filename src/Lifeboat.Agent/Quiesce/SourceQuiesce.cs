// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Quiescing;
using Lifeboat.Replication.Checkpoints;

namespace Lifeboat.Agent.Quiesce;

/// <summary>The engine's port to the instances of one source, by the rules of its policy as they are now.</summary>
internal sealed class SourceQuiesce(Func<SourceSpec> spec, WatchedQuiesces quiesces) : IQuiesceInstances
{
    private readonly ConcurrentDictionary<string, QuiesceOrder> _asked = new(StringComparer.Ordinal);

    public async Task<QuiesceOutcome> FreezeAsync(string instance, TimeSpan deadline, CancellationToken ct)
    {
        var (source, rule) = (spec(), spec().Policy.Quiesce.Of(instance));
        var order = new QuiesceOrder(Guid.NewGuid(), instance,
            source.Instances.FirstOrDefault(i => i.Name == instance)?.GuestAgentSocket, rule.Steps);
        var goOn = (rule.OnFailure ?? source.Policy.OnQuiesceFailure) == QuiesceFailure.Degrade;
        _asked[instance] = order;
        var outcome = await quiesces.BeginAsync(order, deadline, goOn, ct);
        if (outcome.Reached <= Consistency.Crash) _asked.TryRemove(instance, out _);   // it goes on already
        var failed = outcome.Failed.ToList();
        return new QuiesceOutcome(outcome.Reached, failed.Count == 0 ? ReasonCode.None : ReasonOf(failed[0]),
            failed.Count == 0 ? null : string.Join("; ", failed))
        {
            Evidence = string.Join("; ", outcome.Steps),
        };
    }

    public async Task<bool> ThawAsync(string instance, CancellationToken ct)
    {
        if (!_asked.TryRemove(instance, out var order)) return true;
        var thawed = await quiesces.EndAsync(order, order.Id, ct);
        if (thawed.Held || thawed.Unsure.FirstOrDefault() is not { } unsure) return thawed.Held;
        throw new QuiesceException(
            unsure.Fault == ProviderFault.Refused ? QuiesceFault.Refused : QuiesceFault.Unreachable, $"{unsure}");
    }

    private static ReasonCode ReasonOf(StepEvidence failed) =>
        failed is { Provider: QuiesceStep.GuestAgent, Fault: not ProviderFault.Refused }
            ? ReasonCode.GuestAgentUnreachable : ReasonCode.QuiesceFailed;
}
