// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Recovery.Evacuations;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Testing.Recovery;

/// <summary>Evacuations in memory, as JSON; shared by the controllers of one site over their restarts.</summary>
/// <param name="pause">Awaited before and after every change: where a controller can be killed.</param>
public sealed class InMemoryEvacuationStore(Func<Task>? pause = null) : IEvacuationStore
{
    private readonly Dictionary<Guid, string> _bodies = [];
    private readonly Lock _lock = new();

    public async Task<Evacuation?> TryAddAsync(Evacuation evacuation, CancellationToken ct)
    {
        await PauseAsync();
        lock (_lock)
        {
            var groups = evacuation.Groups.Select(g => g.Group).ToHashSet(StringComparer.Ordinal);
            if (All().FirstOrDefault(e => IsInTheWay(e)) is { } other) return other;
            _bodies.Add(evacuation.Id, Write(evacuation));

            bool IsInTheWay(Evacuation e) => evacuation.IdempotencyKey is { } key && e.IdempotencyKey == key
                || !e.Finished && e.Groups.Any(g => groups.Contains(g.Group));
        }
        await PauseAsync();
        return null;
    }

    public async Task<bool> TrySaveAsync(Evacuation next, CancellationToken ct)
    {
        await PauseAsync();
        lock (_lock)
        {
            if (Read(_bodies[next.Id]).Revision != next.Revision - 1) return false;
            _bodies[next.Id] = Write(next);
        }
        await PauseAsync();
        return true;
    }

    public Task<Evacuation?> FindAsync(Guid id, CancellationToken ct) => Task.FromResult(Find(id));

    public Task<Evacuation?> FindByKeyAsync(string idempotencyKey, CancellationToken ct) =>
        Task.FromResult(All().FirstOrDefault(e => e.IdempotencyKey == idempotencyKey));

    public Task<IReadOnlyList<Evacuation>> UnfinishedAsync(CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<Evacuation>>([.. All().Where(e => !e.Finished).OrderBy(e => e.CreatedAt)]);

    /// <summary>As it is now, for a test that looks in from outside.</summary>
    public Evacuation? Find(Guid id)
    {
        lock (_lock) return _bodies.TryGetValue(id, out var body) ? Read(body) : null;
    }

    private List<Evacuation> All()
    {
        lock (_lock) return [.. _bodies.Values.Select(Read)];
    }

    private static string Write(Evacuation evacuation) => JsonSerializer.Serialize(evacuation, RunJson.Options);

    private static Evacuation Read(string body) => JsonSerializer.Deserialize<Evacuation>(body, RunJson.Options)!;

    private Task PauseAsync() => pause?.Invoke() ?? Task.CompletedTask;
}
