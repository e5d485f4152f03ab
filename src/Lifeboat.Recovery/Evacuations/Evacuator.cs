// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Recovery.Evacuations;

// Invariants:
//   A group has one run in an evacuation: that it is asked for is stored before, and it is asked for under one key.
//   No more runs are under way than was said, and none of a later wave before the one before has ended.
//   Whatever people asked meanwhile is not overwritten: a write is of the revision that was read, or refused.

/// <summary>Carries evacuations on, a round at a time, from wherever they are.</summary>
public sealed partial class Evacuator(IEvacuationStore store, IEvacuationRuns runs, TimeProvider time,
    ILogger<Evacuator> logger)
{
    /// <summary>What may pass is waited for so long.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Told of every stored change; must return at once.</summary>
    public Action<Evacuation> Changed { get; set; } = static _ => { };

    /// <summary>Keeps a new one; rounds carry it on.</summary>
    /// <exception cref="ProblemException">Conflict: one of its groups is in another one under way.</exception>
    public async Task<Evacuation> CreateAsync(Evacuation evacuation, CancellationToken ct)
    {
        if (await store.TryAddAsync(evacuation, ct) is { } other)
        {
            if (other.IdempotencyKey is not null && other.IdempotencyKey == evacuation.IdempotencyKey) return other;
            throw new ProblemException(ReasonCode.Conflict, "groups are in another evacuation that is under way",
                $"evacuation {other.Id}, since {other.CreatedAt:u}");
        }
        LogStarted(evacuation.Id, evacuation.Groups.Count, evacuation.From, evacuation.Site);
        Changed(evacuation);
        return evacuation;
    }

    /// <exception cref="ProblemException">EvacuationUnknown; WrongState.</exception>
    public async Task<Evacuation> SignalAsync(Guid id, EvacuationSignal signal, CancellationToken ct)
    {
        while (true)
        {
            var now = await store.FindAsync(id, ct) ?? throw Unknown(id);
            var next = EvacuationRules.Signal(now, signal);
            if (ReferenceEquals(next, now)) return now;
            if (await SaveAsync(next, ct) is { } saved) return saved;
        }
    }

    /// <summary>Looks at its runs, and begins those whose turn it is.</summary>
    /// <param name="tenure">With it ends what this controller may do for it.</param>
    /// <exception cref="OperationCanceledException">The tenure is over.</exception>
    public async Task RoundAsync(Guid id, Tenure tenure, CancellationToken ct)
    {
        if (await store.FindAsync(id, ct) is not { Finished: false } read) return;
        var now = EvacuationRules.Advance(await LookAsync(read, ct), time.GetUtcNow());
        if (!ReferenceEquals(now, read))
        {
            tenure.ThrowIfOver();
            if (await SaveAsync(now, ct) is not { } saved) return;
            now = saved;
        }
        if (now.Finished) LogEnded(now.Id, now.State);
        if (now.State is not EvacuationState.Running) return;
        foreach (var group in now.Groups.Where(g => g.State is EvacueeState.Starting).Select(g => g.Group).ToList())
        {
            tenure.ThrowIfOver();
            var before = now.Groups.First(g => g.Group == group);
            var after = await StartAsync(now, before, ct);
            if (after == before) continue;
            // What was asked for is found again by its key.
            if (await SaveAsync(now.With(after), ct) is not { } kept) return;
            now = kept;
        }
    }

    private async Task<Evacuation> LookAsync(Evacuation evacuation, CancellationToken ct)
    {
        foreach (var group in evacuation.Groups)
        {
            var seen = await LookAsync(evacuation, group, ct);
            if (seen != group) evacuation = evacuation.With(seen);
        }
        return evacuation;
    }

    private async Task<Evacuee> LookAsync(Evacuation evacuation, Evacuee group, CancellationToken ct)
    {
        // One that failed may have been taken up again by somebody.
        var run = group is { Run: { } id, State: not EvacueeState.Moved } ? await runs.FindAsync(id, ct)
            : group.State is EvacueeState.Starting ? await runs.FindAsync(evacuation, group.Group, ct) : null;
        if (run is { State: RunState.WaitingApproval } && evacuation.State is EvacuationState.Cancelling)
            await runs.WithdrawAsync(run, ct);
        // Also by a controller that was killed before it had written down that the run waits.
        if (run is { State: RunState.Cancelled } && evacuation.State is EvacuationState.Cancelling
            && run.Steps.All(s => s.Attempts == 0)) return Withdrawn(group, run);
        if (run is not null) return EvacuationRules.Seen(group, run);
        // That it is to begin was stored, and no more; and now it is not to begin any more, or not yet.
        return group.State is EvacueeState.Starting ? evacuation.State switch
        {
            EvacuationState.Cancelling => group with { State = EvacueeState.Skipped, StartedAt = null },
            EvacuationState.Paused => group with { State = EvacueeState.Waiting, StartedAt = null },
            _ => group,
        } : group;
    }

    private static Evacuee Withdrawn(Evacuee group, Run run) => group with
    {
        State = EvacueeState.Skipped,
        Run = run.Id,
        Detail = "its run was withdrawn, nobody had approved it",
        FinishedAt = run.FinishedAt,
    };

    private async Task<Evacuee> StartAsync(Evacuation evacuation, Evacuee group, CancellationToken ct)
    {
        try
        {
            if (await runs.FindAsync(evacuation, group.Group, ct) is null && await runs.IsHereAsync(group.Group, ct))
            {
                return group with
                {
                    State = EvacueeState.Moved,
                    Reason = ReasonCode.None,
                    Detail = $"it runs at {evacuation.Site} already: another run moved it",
                    FinishedAt = time.GetUtcNow(),
                };
            }
            return EvacuationRules.Seen(group, await runs.StartAsync(evacuation, group.Group, ct));
        }
        catch (ProblemException e) when (e.Reason is not ReasonCode.DatabaseUnavailable)
        {
            var why = group with
            {
                Reason = e.Reason,
                Detail = string.Join("; ", [e.Message, .. e.Errors ?? []]),
            };
            if (MayPass(e.Reason, time.GetUtcNow() - group.StartedAt)) return why;
            LogRefused(evacuation.Id, group.Group, e.Reason, e.Message);
            return why with { State = EvacueeState.Failed, FinishedAt = time.GetUtcNow() };
        }
    }

    // A drill that is under way ends some time, and people see what waits for it; a site that is silent may be lost.
    private static bool MayPass(ReasonCode reason, TimeSpan? since) => reason is ReasonCode.RunInProgress
        || reason is ReasonCode.PeerUnreachable or ReasonCode.AgentUnreachable or ReasonCode.CloudUnavailable
        && since < Patience;

    private async Task<Evacuation?> SaveAsync(Evacuation next, CancellationToken ct)
    {
        next = next with { Revision = next.Revision + 1 };
        if (!await store.TrySaveAsync(next, ct)) return null;
        Changed(next);
        return next;
    }

    public static ProblemException Unknown(Guid id) => new(ReasonCode.EvacuationUnknown,
        $"there is no evacuation {id} at this site", "`lifeboat evacuation list` shows them.");

    [LoggerMessage(EventIds.EvacuationStarted, LogLevel.Information,
        "Evacuation {Evacuation} of {Groups} groups from {From} to {Site} was started")]
    private partial void LogStarted(Guid evacuation, int groups, string from, string site);

    [LoggerMessage(EventIds.EvacuationEnded, LogLevel.Information, "Evacuation {Evacuation} ended {State}")]
    private partial void LogEnded(Guid evacuation, EvacuationState state);

    [LoggerMessage(EventIds.EvacuationRefused, LogLevel.Warning,
        "Evacuation {Evacuation}: the run of {Group} was refused: {Reason}: {Message}")]
    private partial void LogRefused(Guid evacuation, string group, ReasonCode reason, string message);
}
