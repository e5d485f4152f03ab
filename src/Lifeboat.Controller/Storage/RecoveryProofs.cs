// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using Dapper;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Storage;

/// <summary>What the runs of this site have shown of its groups, by the group's full name.</summary>
internal sealed class RecoveryProofs(ControllerDatabase database, TimeProvider time)
{
    // Further back nobody looks: a group whose last runs all failed has no proof that counts.
    private const int Latest = 8;
    // Clocks of a site's controllers differ, and the database may have been told late.
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(10);

    private readonly Lock _gate = new();
    // Of each group the latest that ended, newest first: years of runs are looked through once.
    private readonly Dictionary<string, List<Row>> _latest = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (long EndedAt, Shown Shown)> _read = new(StringComparer.Ordinal);
    private DateTimeOffset? _lookedAt;

    public IReadOnlyDictionary<string, ProofOfGroup> All()
    {
        lock (_gate)
        {
            using var connection = database.Open();
            LookAgain(connection);
            ReadNew(connection);
            return _latest.Where(g => g.Value.Count > 0).ToDictionary(g => g.Key,
                g => Of(g.Value.Select(r => _read[r.Id].Shown)), StringComparer.Ordinal);
        }
    }

    private void LookAgain(DbConnection connection)
    {
        var now = time.GetUtcNow();
        if (_lookedAt is { } last && now >= last)
        {
            foreach (var run in connection.Query<Row>(
                $"SELECT {Columns} FROM runs WHERE ended_at >= @since AND finished = 1",
                new { since = (last - Overlap).ToUnixTimeMilliseconds() })) Put(run);
            // Those that are tried again have not ended any more.
            foreach (var (id, name) in connection.Query<(string, string)>(
                "SELECT id, name FROM runs WHERE finished = 0"))
                if (_latest.TryGetValue(name, out var runs)) runs.RemoveAll(r => r.Id == id);
        }
        else
        {
            _latest.Clear();
            foreach (var run in connection.Query<Row>($"""
                SELECT {Columns} FROM (SELECT id, name, created_at, ended_at,
                    ROW_NUMBER() OVER (PARTITION BY name ORDER BY created_at DESC, id DESC) AS place
                    FROM runs WHERE finished = 1) latest
                WHERE place <= {Latest}
                """)) Put(run);
        }
        _lookedAt = now;
    }

    private void Put(Row run)
    {
        if (!_latest.TryGetValue(run.Name, out var runs)) _latest[run.Name] = runs = [];
        runs.RemoveAll(r => r.Id == run.Id);
        runs.Add(run);
        runs.Sort((a, b) => (b.CreatedAt, b.Id).CompareTo((a.CreatedAt, a.Id)));
        if (runs.Count > Latest) runs.RemoveRange(Latest, runs.Count - Latest);
    }

    // An end is read once; one that was tried again has another.
    private void ReadNew(DbConnection connection)
    {
        var ends = _latest.Values.SelectMany(r => r).ToDictionary(r => r.Id, r => r.EndedAt ?? 0);
        foreach (var gone in _read.Keys.Where(id => !ends.ContainsKey(id)).ToList()) _read.Remove(gone);
        var unread = ends.Where(e => !_read.TryGetValue(e.Key, out var known) || known.EndedAt != e.Value)
            .Select(e => e.Key);
        foreach (var some in unread.ToList().Chunk(200))
        {
            // One parameter each: what a list becomes differs between the engines.
            var ids = new DynamicParameters(some.Select((id, i) => KeyValuePair.Create<string, object>($"p{i}", id)));
            var places = string.Join(", ", some.Select((_, i) => $"@p{i}"));
            foreach (var body in connection.Query<string>($"SELECT body FROM runs WHERE id IN ({places})", ids))
            {
                var run = StoredJson.Read<Run>(body);
                _read[run.Id.ToString()] = (ends[run.Id.ToString()], new Shown(run.Id, run.Kind, run.State, run.Reason,
                    run.VerifiedAt, run.Took, run.FinishedAt ?? run.CreatedAt));
            }
        }
    }

    private const string Columns = "id, name, created_at AS CreatedAt, ended_at AS EndedAt";

    // Newest first. What somebody cancelled shows nothing either way.
    private static ProofOfGroup Of(IEnumerable<Shown> runs)
    {
        FailedProof? failed = null;
        foreach (var run in runs.Where(r => r.Kind is RunKind.TestFailover or RunKind.Failover
            or RunKind.PlannedFailover or RunKind.Failback))
        {
            if (run.IsProof)
                return new(new RecoveryProof(run.Id, run.Kind, run.VerifiedAt!.Value, run.Took!.Value), failed);
            if (run.State is RunState.Failed or RunState.RolledBack)
                failed ??= new FailedProof(run.Id, run.Kind, run.FinishedAt, run.Reason);
        }
        return new(null, failed);
    }

    private sealed record Shown(Guid Id, RunKind Kind, RunState State, Protection.ReasonCode Reason,
        DateTimeOffset? VerifiedAt, TimeSpan? Took, DateTimeOffset FinishedAt)
    {
        public bool Succeeded => State is RunState.Succeeded or RunState.SucceededWithWarnings;
        public bool IsProof => Succeeded && Took is not null;
    }

    private sealed class Row
    {
        public string Id { get; init; } = "";
        public string Name { get; init; } = "";
        public long CreatedAt { get; init; }
        /// <summary>Null: a version that did not keep it wrote the run.</summary>
        public long? EndedAt { get; init; }
    }
}

/// <param name="Failed">Newer than the proof.</param>
internal sealed record ProofOfGroup(RecoveryProof? Proof, FailedProof? Failed);
