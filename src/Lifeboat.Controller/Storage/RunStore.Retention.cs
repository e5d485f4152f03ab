// SPDX-License-Identifier: Apache-2.0
using Dapper;

namespace Lifeboat.Controller.Storage;

// What of runs is kept for how long. One that is tried again while it is looked at is not finished any more, and stays:
// the statement that removes it looks itself.
internal sealed partial class RunStore
{
    // Of each step and group; forecasts look at the newest few.
    private const int DurationsKept = 2 * Sample;

    /// <summary>
    /// Removes runs that ended before this, with what was asked of them: never one that is not finished, nor the last
    /// of its kind of a group, nor the last of them that succeeded.
    /// </summary>
    /// <returns>How many; fewer than <paramref name="most"/>: there are no more.</returns>
    public int Prune(DateTimeOffset before, int most)
    {
        const string newer = """
            n.name = r.name AND n.kind = r.kind AND n.finished = 1
            AND (n.created_at > r.created_at OR n.created_at = r.created_at AND n.id > r.id)
            """;
        using var connection = database.Open();
        using var transaction = connection.BeginTransaction();
        var removed = connection.Query<string>($"""
            DELETE FROM runs WHERE finished = 1 AND id IN (SELECT r.id FROM runs r
                WHERE r.finished = 1 AND coalesce(r.ended_at, r.created_at) < @before
                AND EXISTS(SELECT 1 FROM runs n WHERE {newer})
                AND (r.good = 0 OR EXISTS(SELECT 1 FROM runs n WHERE n.good = 1 AND {newer}))
                ORDER BY r.created_at LIMIT @most)
            RETURNING id
            """, new { before = before.ToUnixTimeMilliseconds(), most }, transaction).ToList();
        foreach (var run in removed)
            connection.Execute("DELETE FROM run_signals WHERE run = @run", new { run }, transaction);
        transaction.Commit();
        return removed.Count;
    }

    /// <summary>Removes how long steps took of which enough newer ones are known.</summary>
    public int PruneDurations(int most)
    {
        using var connection = database.Open();
        return connection.Execute("""
            DELETE FROM step_durations WHERE number IN (SELECT number FROM (SELECT number,
                ROW_NUMBER() OVER (PARTITION BY step, name ORDER BY number DESC) AS place FROM step_durations) aged
                WHERE place > @DurationsKept LIMIT @most)
            """, new { DurationsKept, most });
    }

    /// <returns>Those that there is no run of.</returns>
    public IReadOnlySet<Guid> Missing(IReadOnlyCollection<Guid> runs)
    {
        using var connection = database.Open();
        var missing = runs.ToHashSet();
        foreach (var some in runs.Chunk(200))
        {
            // One parameter each: what a list becomes differs between the engines.
            var ids = new DynamicParameters(some.Select((id, i) =>
                KeyValuePair.Create<string, object>($"p{i}", $"{id}")));
            var places = string.Join(", ", some.Select((_, i) => $"@p{i}"));
            missing.ExceptWith(connection.Query<string>($"SELECT id FROM runs WHERE id IN ({places})", ids)
                .Select(Guid.Parse));
        }
        return missing;
    }
}
