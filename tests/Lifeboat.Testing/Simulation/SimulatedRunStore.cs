// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// The run database of one site: outlives its controllers. A call takes time on both sides of its effect, so a
/// controller can be killed before it was stored and after.
/// </summary>
public sealed class SimulatedRunStore(SimulatedHost host) : IRunStore
{
    private readonly List<Run> _runs = [];
    private readonly Dictionary<Guid, RunSignals> _signals = [];

    /// <summary>For checkers: as stored now.</summary>
    public IReadOnlyList<Run> Stored => _runs;

    public Task<Run?> TryAddAsync(Run run, CancellationToken ct) => StoredAsync(() =>
    {
        if (_runs.Find(r => r.Group == run.Group && !r.Finished) is { } other) return other;
        _runs.Add(run);
        return null;
    }, ct);

    public Task<Run?> TryReopenAsync(Run run, RunState from, CancellationToken ct) => StoredAsync(() =>
    {
        if (_runs.Find(r => r.Group == run.Group && !r.Finished && r.Id != run.Id) is { } other) return other;
        if (_runs.Find(r => r.Id == run.Id) is { } now && now.State != from) return now;
        Replace(run);
        return null;
    }, ct);

    public Task<bool> SaveAsync(Run run, Tenure tenure, CancellationToken ct) => StoredAsync(() =>
    {
        if (!tenure.Holds) return false;
        Replace(run);
        return true;
    }, ct);

    public Task<Run?> FindAsync(Guid id, CancellationToken ct) => StoredAsync(() => _runs.Find(r => r.Id == id), ct);

    public Task<Run?> FindByKeyAsync(string group, string idempotencyKey, CancellationToken ct) =>
        StoredAsync(() => _runs.Find(r => r.Group == group && r.Input.IdempotencyKey == idempotencyKey), ct);

    public Task<IReadOnlyList<Run>> ListAsync(string? group, CancellationToken ct) => StoredAsync<IReadOnlyList<Run>>(
        () => [.. _runs.Where(r => group is null || r.Group == group).Reverse()], ct);

    public Task<IReadOnlyList<Run>> UnfinishedAsync(CancellationToken ct) =>
        StoredAsync<IReadOnlyList<Run>>(() => [.. _runs.Where(r => !r.Finished)], ct);

    public Task<IReadOnlyList<Run>> EndedSinceAsync(string? group, DateTimeOffset moment, CancellationToken ct) =>
        StoredAsync<IReadOnlyList<Run>>(() => [.. _runs.Where(r => r.Finished && r.FinishedAt >= moment
            && (group is null || r.Group == group))], ct);

    public Task SignalAsync(Guid id, RunSignal signal, CancellationToken ct) => StoredAsync(() =>
    {
        var before = _signals.GetValueOrDefault(id) ?? new RunSignals(false, false);
        return _signals[id] = signal is RunSignal.Cancel
            ? before with { Cancel = true }
            : before with { Release = true };
    }, ct);

    public Task<RunSignals> SignalsAsync(Guid id, CancellationToken ct) =>
        StoredAsync(() => _signals.GetValueOrDefault(id) ?? new RunSignals(false, false), ct);

    public Task AddDurationAsync(string step, string group, TimeSpan duration, CancellationToken ct) =>
        StoredAsync(() => true, ct);

    public Task<IReadOnlyList<TimeSpan>> DurationsAsync(string step, string group, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<TimeSpan>>([]);

    private void Replace(Run run)
    {
        var index = _runs.FindIndex(r => r.Id == run.Id);
        if (index < 0) throw new SimulationException($"run {run.Id} was never added");
        if (_runs[index].Finished && !run.Finished && _runs[index].State == run.State)
            throw new SimulationException($"run {run.Id} was finished and is taken up without being reopened");
        _runs[index] = run;
    }

    private async Task<T> StoredAsync<T>(Func<T> effect, CancellationToken ct)
    {
        await host.PauseAsync(300, ct);
        var result = effect();
        await host.PauseAsync(300, ct);
        return result;
    }
}
