// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Tests.Recovery;

/// <summary>The site's runs as its controllers share them: a write needs the lease in its present term.</summary>
internal sealed class StormStore(IRunStore inner, StormLease lease) : IRunStore
{
    /// <summary>A planted flaw: that a step begins is not written.</summary>
    public bool ForgetsIntents { get; init; }

    public async Task<bool> SaveAsync(Run run, Tenure tenure, CancellationToken ct)
    {
        if (!lease.IsOf(tenure)) return false;
        if (ForgetsIntents && await BeginsAsync(run, ct)) return true;
        return await inner.SaveAsync(run, tenure, ct);
    }

    public Task<Run?> TryAddAsync(Run run, CancellationToken ct) => inner.TryAddAsync(run, ct);
    public Task<Run?> TryReopenAsync(Run run, RunState from, CancellationToken ct) =>
        inner.TryReopenAsync(run, from, ct);
    public Task<Run?> FindAsync(Guid id, CancellationToken ct) => inner.FindAsync(id, ct);
    public Task<Run?> FindByKeyAsync(string group, string idempotencyKey, CancellationToken ct) =>
        inner.FindByKeyAsync(group, idempotencyKey, ct);
    public Task<IReadOnlyList<Run>> ListAsync(string? group, CancellationToken ct) => inner.ListAsync(group, ct);
    public Task<IReadOnlyList<Run>> UnfinishedAsync(CancellationToken ct) => inner.UnfinishedAsync(ct);
    public Task<IReadOnlyList<Run>> EndedSinceAsync(string? group, DateTimeOffset moment, CancellationToken ct) =>
        inner.EndedSinceAsync(group, moment, ct);
    public Task SignalAsync(Guid id, RunSignal signal, CancellationToken ct) => inner.SignalAsync(id, signal, ct);
    public Task<RunSignals> SignalsAsync(Guid id, CancellationToken ct) => inner.SignalsAsync(id, ct);
    public Task AddDurationAsync(string step, string group, TimeSpan duration, CancellationToken ct) =>
        inner.AddDurationAsync(step, group, duration, ct);
    public Task<IReadOnlyList<TimeSpan>> DurationsAsync(string step, string group, CancellationToken ct) =>
        inner.DurationsAsync(step, group, ct);

    private async Task<bool> BeginsAsync(Run run, CancellationToken ct)
    {
        var known = await inner.FindAsync(run.Id, ct);
        return run.Steps.Any(s => s.State is StepState.Running && known!.Steps[s.Index].Attempts < s.Attempts);
    }
}
