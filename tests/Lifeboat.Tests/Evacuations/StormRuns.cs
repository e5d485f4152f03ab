// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Evacuations;
using Lifeboat.Recovery.Runs;
using Lifeboat.Testing.Recovery;
using Lifeboat.Tests.Controller;
using Lifeboat.Tests.Recovery;

namespace Lifeboat.Tests.Evacuations;

/// <summary>The runs of a site in a storm: kept as the site keeps them, carried out by nobody who could die.</summary>
internal sealed class StormRuns(InMemoryRunStore store, Func<Task> pause, Func<Guid> newId, bool fourEyes)
{
    public InMemoryRunStore Store => store;
    /// <summary>Groups whose instances run here.</summary>
    public HashSet<string> Here { get; } = new(StringComparer.Ordinal);
    /// <summary>Told of every run that was begun.</summary>
    public Action<Evacuation, Run> Begun { get; set; } = static (_, _) => { };
    /// <summary>A planted flaw: a run that was begun is not found again by its key.</summary>
    public bool ForgetsKeys { get; init; }

    /// <param name="now">Of the process that asks.</param>
    public IEvacuationRuns Of(Func<DateTimeOffset> now) => new Asked(this, now);

    public async Task<Run?> BeginAsync(string group, string? key, RunKind kind, DateTimeOffset now)
    {
        var run = RunStoreConformance.NewRun(group, 0) with
        {
            Id = newId(),
            Kind = kind,
            State = fourEyes && key is not null ? RunState.WaitingApproval : RunState.Pending,
            Input = RunInput.None with { IdempotencyKey = key },
            Before = RecoveryWorld.Definition with { Name = group },
            CreatedAt = now,
        };
        return await store.TryAddAsync(run, default) is null ? run : null;
    }

    public async Task EndAsync(Run run, RunState state, DateTimeOffset now)
    {
        // As a commit does before the run is over.
        if (state is RunState.Succeeded && run.Kind is not RunKind.TestFailover) Here.Add(run.Group);
        await store.SaveAsync(run with { State = state, FinishedAt = now }, Tenure.Sole, default);
    }

    private sealed class Asked(StormRuns all, Func<DateTimeOffset> now) : IEvacuationRuns
    {
        public Task<Run?> FindAsync(Guid run, CancellationToken ct) => all.Store.FindAsync(run, ct);

        public Task<Run?> FindAsync(Evacuation evacuation, string group, CancellationToken ct) => all.ForgetsKeys
            ? Task.FromResult<Run?>(null) : all.Store.FindByKeyAsync(group, evacuation.RunKey, ct);

        public async Task<Run> StartAsync(Evacuation evacuation, string group, CancellationToken ct)
        {
            if (await FindAsync(evacuation, group, ct) is { } same) return same;
            await all.PauseAsync();
            var run = await all.BeginAsync(group, evacuation.RunKey, evacuation.Kind, now())
                ?? throw new ProblemException(ReasonCode.RunInProgress, $"group {group} has a run under way");
            all.Begun(evacuation, run);
            return run;
        }

        public async Task WithdrawAsync(Run run, CancellationToken ct) => await all.Store.TryReopenAsync(
            run with { State = RunState.Cancelled, FinishedAt = now() }, RunState.WaitingApproval, ct);

        public Task<bool> IsHereAsync(string group, CancellationToken ct) => Task.FromResult(all.Here.Contains(group));
    }

    private Task PauseAsync() => pause();
}
