// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Dapper;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Storage;

/// <summary>What the runs of this site have shown of its groups, by the group's full name.</summary>
internal sealed class RecoveryProofs(ControllerDatabase database)
{
    // Further back nobody looks: a group whose last runs all failed has no proof that counts.
    private const int Latest = 8;

    // A run that succeeded does not change any more; one that failed may be tried again.
    private readonly ConcurrentDictionary<string, Shown> _read = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, ProofOfGroup> All()
    {
        using var connection = database.Open();
        var rows = connection.Query<Row>($"""
            SELECT id, name FROM (SELECT id, name, created_at,
                ROW_NUMBER() OVER (PARTITION BY name ORDER BY created_at DESC, id DESC) AS place
                FROM runs WHERE finished = 1) latest
            WHERE place <= {Latest} ORDER BY name, place
            """).AsList();
        var known = rows.ToDictionary(r => r.Id, r => _read.GetValueOrDefault(r.Id));
        foreach (var unread in known.Where(k => k.Value is null).Select(k => k.Key).Chunk(200))
        {
            // One parameter each: what a list becomes differs between the engines.
            var ids = new DynamicParameters(unread.Select((id, i) => KeyValuePair.Create<string, object>($"p{i}", id)));
            var places = string.Join(", ", unread.Select((_, i) => $"@p{i}"));
            foreach (var body in connection.Query<string>($"SELECT body FROM runs WHERE id IN ({places})", ids))
            {
                var run = StoredJson.Read<Run>(body);
                known[run.Id.ToString()] = Kept(run);
            }
        }
        foreach (var gone in _read.Keys.Where(id => !known.ContainsKey(id))) _read.TryRemove(gone, out _);
        return rows.GroupBy(r => r.Name).ToDictionary(g => g.Key,
            g => Of(g.Select(r => known[r.Id]).OfType<Shown>()), StringComparer.Ordinal);
    }

    private Shown Kept(Run run)
    {
        var shown = new Shown(run.Id, run.Kind, run.State, run.Reason, run.VerifiedAt, run.Took,
            run.FinishedAt ?? run.CreatedAt);
        if (shown.Succeeded) _read[run.Id.ToString()] = shown;
        return shown;
    }

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
    }
}

/// <param name="Failed">Newer than the proof.</param>
internal sealed record ProofOfGroup(RecoveryProof? Proof, FailedProof? Failed);
