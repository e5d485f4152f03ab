// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Testing.Recovery;

/// <summary>
/// Runs in memory, as JSON, so that what cannot be stored fails here too. Shared by the controllers of one site over
/// their restarts, as the file is.
/// </summary>
/// <param name="pause">Awaited before and after every change: where a controller can be killed.</param>
public sealed class InMemoryRunStore(Func<Task>? pause = null) : IRunStore
{
    private readonly List<(Guid Id, string Body)> _runs = [];
    private readonly List<(Guid Run, RunSignal Signal)> _signals = [];
    private readonly List<(string Step, string Group, TimeSpan Duration)> _durations = [];
    private readonly Lock _lock = new();

    /// <summary>What is under way now, for a test that looks in from outside.</summary>
    public IReadOnlyList<Run> Unfinished => [.. All().Where(r => !r.Finished)];
    /// <summary>All there ever were, oldest first.</summary>
    public IReadOnlyList<Run> Ever => All();

    public async Task<Run?> TryAddAsync(Run run, CancellationToken ct)
    {
        await PauseAsync();
        lock (_lock)
        {
            if (UnfinishedOf(run.Group) is { } other) return other;
            _runs.Add((run.Id, Write(run)));
        }
        await PauseAsync();
        return null;
    }

    public async Task<Run?> TryReopenAsync(Run run, RunState from, CancellationToken ct)
    {
        await PauseAsync();
        lock (_lock)
        {
            // One that waited to be approved is itself the unfinished one.
            if (UnfinishedOf(run.Group) is { } other && other.Id != run.Id) return other;
            if (All().First(r => r.Id == run.Id) is var now && now.State != from) return now;
            _runs[_runs.FindIndex(r => r.Id == run.Id)] = (run.Id, Write(run));
        }
        await PauseAsync();
        return null;
    }

    public async Task<bool> SaveAsync(Run run, Tenure tenure, CancellationToken ct)
    {
        await PauseAsync();
        lock (_lock)
        {
            if (!tenure.Holds) return false;
            _runs[_runs.FindIndex(r => r.Id == run.Id)] = (run.Id, Write(run));
        }
        await PauseAsync();
        return true;
    }

    public Task<Run?> FindAsync(Guid id, CancellationToken ct) =>
        Task.FromResult(All().FirstOrDefault(r => r.Id == id));

    public Task<Run?> FindByKeyAsync(string group, string idempotencyKey, CancellationToken ct) =>
        Task.FromResult(All().FirstOrDefault(r => r.Group == group && r.Input.IdempotencyKey == idempotencyKey));

    public Task<IReadOnlyList<Run>> ListAsync(string? group, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<Run>>([.. All().Where(r => group is null || r.Group == group).Reverse()]);

    public Task<IReadOnlyList<Run>> UnfinishedAsync(CancellationToken ct) =>
        Task.FromResult(Unfinished);

    public Task<IReadOnlyList<Run>> EndedSinceAsync(string? group, DateTimeOffset moment, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<Run>>([.. All().Where(r => r.Finished && r.FinishedAt >= moment
            && (group is null || r.Group == group))]);

    public async Task SignalAsync(Guid id, RunSignal signal, CancellationToken ct)
    {
        lock (_lock) _signals.Add((id, signal));
        await PauseAsync();
    }

    public Task<RunSignals> SignalsAsync(Guid id, CancellationToken ct)
    {
        lock (_lock)
            return Task.FromResult(new RunSignals(_signals.Contains((id, RunSignal.Cancel)),
                _signals.Contains((id, RunSignal.Release))));
    }

    public Task AddDurationAsync(string step, string group, TimeSpan duration, CancellationToken ct)
    {
        lock (_lock) _durations.Add((step, group, duration));
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<TimeSpan>> DurationsAsync(string step, string group, CancellationToken ct)
    {
        lock (_lock)
        {
            var all = _durations.Where(d => d.Step == step).Reverse().ToList();
            var mine = all.Where(d => d.Group == group).ToList();
            return Task.FromResult<IReadOnlyList<TimeSpan>>(
                [.. (mine.Count > 0 ? mine : all).Take(9).Select(d => d.Duration)]);
        }
    }

    private Run? UnfinishedOf(string group) => All().FirstOrDefault(r => r.Group == group && !r.Finished);

    private List<Run> All()
    {
        lock (_lock) return [.. _runs.Select(r => JsonSerializer.Deserialize<Run>(r.Body, RunJson.Options)!)];
    }

    private static string Write(Run run) => JsonSerializer.Serialize(run, RunJson.Options);

    private Task PauseAsync() => pause?.Invoke() ?? Task.CompletedTask;
}
