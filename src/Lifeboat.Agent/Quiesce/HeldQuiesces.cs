// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Quiescing;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Quiesce;

/// <summary>
/// Quiesces that somebody asked for and holds: nothing of them is kept but in memory, since an agent that dies leaves
/// the instances to the dead man.
/// </summary>
internal sealed partial class HeldQuiesces(WatchedQuiesces quiesces, TimeProvider time, ILogger<HeldQuiesces> logger)
{
    private const int Kept = 256;
    private static readonly TimeSpan LimitMin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LimitMax = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<Guid, QuiesceInfo> _all = new();

    /// <summary>Newest first; those that were thawed by request are over.</summary>
    public IReadOnlyList<QuiesceInfo> Open() =>
    [
        .. _all.Values.Where(q => q.EndedAt is null).Select(Now).OrderByDescending(q => q.BeganAt),
    ];

    /// <exception cref="ProblemException">
    /// InvalidRequest; QuiesceFailed: one could not be brought to rest, all go on.
    /// </exception>
    public async Task<QuiesceInfo> BeginAsync(HoldRequest request, CancellationToken ct)
    {
        if (_all.TryGetValue(request.Id, out var known)) return Now(known);
        if (Problems(request).ToList() is { Count: > 0 } problems)
            throw new ProblemException(ReasonCode.InvalidRequest, $"{request.Subject} cannot be quiesced so", null,
                problems);
        var (began, beganAt) = (time.GetTimestamp(), time.GetUtcNow());
        var held = new List<(QuiesceOrder Order, QuiescedInstance Info)>();
        try
        {
            foreach (var member in request.Members.Where(m => m.Rule.Steps.Count > 0).OrderBy(m => m.Rule.Order))
            {
                var degrade = !request.AllOrNone && member.Rule.OnFailure == QuiesceFailure.Degrade;
                var left = request.Limit - time.GetElapsedTime(began);
                var order = Order(request.Id, member);
                if (left < TimeSpan.Zero) left = TimeSpan.Zero;
                var outcome = await quiesces.BeginAsync(order, left, degrade, ct);
                held.Add((order, Info(member.Instance, outcome)));
                if (!degrade && outcome.Failed.Any()) throw Failed(request, held.Select(h => h.Info));
            }
        }
        catch
        {
            // Refused, or whoever asked has gone: nobody would thaw. Only what this request holds.
            await EndAsync(held.Where(h => h.Info.Held).Select(h => h.Order).Reverse(), request.Id);
            throw;
        }
        var info = new QuiesceInfo
        {
            Id = request.Id, Subject = request.Subject, BeganAt = beganAt, Deadline = beganAt + request.Limit,
            Held = held.TrueForAll(h => h.Info.Held), Members = [.. held.Select(h => h.Info)],
            Reached = held.Select(h => h.Info.Reached).DefaultIfEmpty(Consistency.Crash).Min(),
        };
        foreach (var old in _all.Values.OrderByDescending(q => q.BeganAt).Skip(Kept - 1)) _all.TryRemove(old.Id, out _);
        _all[request.Id] = info;
        LogHeld(request.Subject, request.Id, info.Reached, info.Deadline);
        return info;
    }

    /// <summary>Lets them go on, in reverse order. What has been thawed by the same request already stays as it was.
    /// </summary>
    public async Task<QuiesceInfo> EndAsync(ReleaseRequest request, CancellationToken ct)
    {
        // Not with the caller's token: who hangs up on a thaw wants it all the same.
        ct.ThrowIfCancellationRequested();
        var known = request.Id is { } id ? _all.GetValueOrDefault(id)
            : _all.Values.Where(q => q.Subject == request.Subject && q.EndedAt is null).MaxBy(q => q.BeganAt);
        if (known?.EndedAt is not null) return known;
        var members = request.Members.Where(m => m.Rule.Steps.Count > 0).OrderBy(m => m.Rule.Order).Reverse()
            .Select(m => Order(known?.Id ?? Guid.NewGuid(), m)).ToList();
        var ended = await EndAsync(members, request.Id);
        var now = time.GetUtcNow();
        var info = new QuiesceInfo
        {
            Id = known?.Id ?? Guid.Empty, Subject = request.Subject, BeganAt = known?.BeganAt ?? now,
            Deadline = known?.Deadline ?? now, EndedAt = now, Held = ended.TrueForAll(m => m.Held), Members = ended,
            Reached = known?.Reached ?? Consistency.Crash,
        };
        if (known is not null) _all[known.Id] = info;
        LogEnded(request.Subject, info.Id, info.Held);
        return info;
    }

    private async Task<List<QuiescedInstance>> EndAsync(IEnumerable<QuiesceOrder> orders, Guid? id)
    {
        var ended = new List<QuiescedInstance>();
        foreach (var order in orders)
        {
            var thawed = await quiesces.EndAsync(order, id, CancellationToken.None);
            ended.Add(new QuiescedInstance(order.Instance, Consistency.Crash, thawed.Held,
                thawed.Unsure.FirstOrDefault() is { } unsure ? ReasonOf(unsure) : ReasonCode.None,
                [.. thawed.Steps.Select(s => s.ToString())]));
        }
        return ended;
    }

    private QuiesceInfo Now(QuiesceInfo info) => info.EndedAt is not null ? info : info with
    {
        Members = [.. info.Members.Select(m => m with { Held = quiesces.IsHeld(m.Instance, info.Id) })],
        Held = info.Members.All(m => quiesces.IsHeld(m.Instance, info.Id)),
    };

    private static QuiesceOrder Order(Guid id, HoldMember member) =>
        new(id, member.Instance, member.GuestAgentSocket, member.Rule.Steps);

    private static QuiescedInstance Info(string instance, InstanceQuiesced outcome) => new(instance, outcome.Reached,
        outcome.Reached > Consistency.Crash,
        outcome.Failed.FirstOrDefault() is { } failed ? ReasonOf(failed) : ReasonCode.None,
        [.. outcome.Steps.Select(s => s.ToString())]);

    private static ReasonCode ReasonOf(StepEvidence failed) =>
        failed is
        {
            Provider: QuiesceStep.GuestAgent,
            Fault: not (ProviderFault.Refused or ProviderFault.Misconfigured),
        } ? ReasonCode.GuestAgentUnreachable : ReasonCode.QuiesceFailed;

    private static ProblemException Failed(HoldRequest request, IEnumerable<QuiescedInstance> members)
    {
        var failed = members.Last();
        return new ProblemException(failed.Reason, $"{request.Subject} was not quiesced: {failed.Instance} could not "
            + "be brought to rest; all go on", null, [.. failed.Evidence]);
    }

    private static IEnumerable<string> Problems(HoldRequest request)
    {
        if (request.Limit < LimitMin || request.Limit > LimitMax)
            yield return $"limit is {request.Limit}; allowed is 1 s to 10 min";
        if (request.Members.All(m => m.Rule.Steps.Count == 0))
            yield return "no member has a step: nothing would be held";
        var rules = new QuiesceRules([.. request.Members.Select(m => m.Rule)]);
        foreach (var problem in rules.Problems()) yield return problem;
        foreach (var problem in QuiesceProviders.Shipped().Problems(rules.All)) yield return problem;
    }

    [LoggerMessage(EventIds.QuiesceHeld, LogLevel.Information,
        "Holds {Subject} at rest for {Id} ({Reached}) until {Deadline:o} at the latest")]
    private partial void LogHeld(string subject, Guid id, Consistency reached, DateTimeOffset deadline);

    [LoggerMessage(EventIds.QuiesceEnded, LogLevel.Information, "Thawed {Subject} of {Id}; held until now: {Held}")]
    private partial void LogEnded(string subject, Guid id, bool held);
}
