// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using System.Text.Json;
using Dapper;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Peers;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Policies;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Links;
using Lifeboat.Recovery.Evacuations;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Storage.Care;

/// <summary>
/// What is wrong with a database: what the engine finds, the schema, and whether every document that is stored can be
/// read and keeps its own rules and those between them.
/// </summary>
internal sealed class DatabaseCheck(ControllerDatabase database)
{
    private readonly List<string> _faults = [];
    private long _documents;

    /// <summary>All faults, each naming the row; empty: sound.</summary>
    public static (IReadOnlyList<string> Faults, long Schema, long Documents) Run(ControllerDatabase database)
    {
        var check = new DatabaseCheck(database);
        using var connection = database.Open();
        var schema = database.SchemaVersion(connection, null);
        check._faults.AddRange(database.IntegrityFaults(connection));
        // Nothing is in it yet, and that is sound.
        if (schema == 0) return (check._faults, 0, 0);
        if (schema != Schema.Steps.Count)
        {
            check._faults.Add($"the schema is of version {schema}, this version of Lifeboat has {Schema.Steps.Count}: "
                + (schema < Schema.Steps.Count ? "its controller brings it forward when it starts"
                    : "a newer version wrote it"));
            return (check._faults, schema, 0);
        }
        check.Tables(connection);
        if (check._faults.Count == 0) check.Documents(connection);
        return (check._faults, schema, check._documents);
    }

    // As the schema's steps make them, in an empty database of the engine that needs nothing.
    private void Tables(DbConnection connection)
    {
        var file = Path.Combine(Path.GetTempPath(), $"lifeboat-schema-{Environment.ProcessId}-{Guid.NewGuid():n}.db");
        try
        {
            using var model = new SqliteDatabase(file);
            using var wanted = model.Open();
            foreach (var table in model.Tables(wanted, null))
            {
                var missing = model.Columns(wanted, null, table).Except(database.Columns(connection, null, table));
                foreach (var column in missing) _faults.Add($"table {table} has no column {column}");
            }
        }
        finally
        {
            foreach (var end in new[] { "", "-wal", "-shm" }) File.Delete(file + end);
        }
    }

    private void Documents(DbConnection connection)
    {
        var groups = new Dictionary<string, GroupDefinition>();
        Each<GroupDefinition>(connection, "groups", "name", "definition", (name, group) =>
        {
            groups[name] = group;
            return group.Problems().Concat(Same("name", name, group.Name));
        });
        foreach (var role in new[] { "source", "replica", "link" }) Specs(connection, role, groups);
        Each<DivergenceNotice>(connection, "divergences", "name", "body",
            (name, notice) => Same("group", name, notice.Group).Concat(Known(groups, notice.Group)));
        Each<Run>(connection, "runs", "id", "body", (id, run) => RunFaults(id, run));
        Each<BackupPoint>(connection, "backup_points", "id", "body", (id, one) => Same("id", id, $"{one.Point.Id}"));
        Each<Evacuation>(connection, "evacuations", "id", "body", (id, one) => Same("id", id, $"{one.Id}"));
        Each<Alert>(connection, "alerts", "id", "body", (id, alert) => Same("id", id, $"{alert.Id}"));
        Each<AlertDelivery>(connection, "alert_deliveries", "id", "body", (id, one) => Same("id", id, $"{one.Id}"));
        Each<StoredPolicy>(connection, "policies", "name", "body",
            (name, policy) => Same("policy", name, policy.Name).Concat(policy.Fields?.Problems() ?? []));
        Plain(connection);
    }

    private void Specs(DbConnection connection, string role, Dictionary<string, GroupDefinition> groups)
    {
        var where = $"WHERE role = '{role}'";
        if (role == "source")
            Each<SourceSpec>(connection, "specs", "name", "spec",
                (name, spec) => Same("group", name, spec.Group).Concat(Known(groups, spec.Group)), where);
        else if (role == "replica")
            Each<ReplicaSpec>(connection, "specs", "name", "spec", (name, spec) =>
                Same("group", name, spec.Group).Concat(spec.Retention.Problems()).Concat(Known(groups, spec.Group)),
                where);
        else Each<LinkSettings>(connection, "specs", "name", "spec", (_, link) => link.Problems(), where);
    }

    private static IEnumerable<string> RunFaults(string id, Run run)
    {
        foreach (var fault in Same("id", id, run.Id.ToString())) yield return fault;
        for (var i = 0; i < run.Steps.Count; i++)
            if (run.Steps[i].Index != i) yield return $"step {i} says it is step {run.Steps[i].Index}";
        if (run.Finished && run.FinishedAt < run.CreatedAt) yield return "it ended before it began";
        if (run.Finished && run.Steps.FirstOrDefault(s => s.State is Protection.Plans.StepState.Running) is { } step)
            yield return $"it is over and its step {step.Name} still runs";
    }

    // What is stored in columns of its own and can contradict the rest.
    private void Plain(DbConnection connection)
    {
        foreach (var (url, name) in connection.Query<(string, string)>("SELECT url, name FROM peers"))
            if (!Uri.TryCreate(url, UriKind.Absolute, out _)) _faults.Add($"peers {name}: its URL is '{url}'");
        foreach (var (run, finished, body) in connection.Query<(string, long, string)>(
            "SELECT id, finished, body FROM runs"))
            if (Parsed<Run>("runs", run, body, report: false) is { } stored && stored.Finished != (finished != 0))
                _faults.Add($"runs {run}: its row says finished {finished}, its body {stored.FinishedAt:u}");
        foreach (var run in connection.Query<string>(
            "SELECT DISTINCT run FROM run_signals WHERE run NOT IN (SELECT id FROM runs)"))
            _faults.Add($"run_signals: there is no run {run}");
    }

    private void Each<T>(DbConnection connection, string table, string key, string column,
        Func<string, T, IEnumerable<string>> rules, string where = "") where T : class
    {
        var rows = connection.Query<(string Key, string Body)>($"SELECT {key}, {column} FROM {table} {where}");
        foreach (var (id, body) in rows)
        {
            _documents++;
            if (Parsed<T>(table, id, body, report: true) is { } document)
                _faults.AddRange(rules(id, document).Select(fault => $"{table} {id}: {fault}"));
        }
    }

    private T? Parsed<T>(string table, string id, string body, bool report) where T : class
    {
        try
        {
            if (StoredJson.Read<T>(body) is { } document) return document;
            if (report) _faults.Add($"{table} {id}: its document is null");
        }
        catch (JsonException e)
        {
            if (report) _faults.Add($"{table} {id}: its document cannot be read: {e.Message}");
        }
        return null;
    }

    private static IEnumerable<string> Known(Dictionary<string, GroupDefinition> groups, string group) =>
        groups.ContainsKey(group) ? [] : [$"there is no group {group}"];

    private static IEnumerable<string> Same(string what, string row, string document) =>
        row == document ? [] : [$"its row is of {what} {row}, its document of {document}"];
}
