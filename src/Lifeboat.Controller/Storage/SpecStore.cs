// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.Links;

namespace Lifeboat.Controller.Storage;

/// <summary>What the site's agent is to do: the desired state that is put to it again after either restarts.</summary>
internal sealed class SpecStore(ControllerDatabase database, GroupFiles files)
{
    private const string SourceRole = "source";
    private const string ReplicaRole = "replica";
    private const string LinkRole = "link";

    /// <param name="Active">False: another site is primary, the source is stopped but not forgotten.</param>
    public sealed record StoredSource(SourceSpec Spec, bool Active);

    /// <param name="Accepted">The epoch the replica was made in; in a later one it may have been raised.</param>
    /// <param name="Active">False: this site has become the source since; what is left is history.</param>
    public sealed record StoredReplica(ReplicaSpec Spec, Epoch Accepted, bool Active);

    private readonly RevisedRows<object> _rows = new("specs",
        (connection, seen) => connection.Query<Row>(
            "SELECT name, role, active, accepted, spec FROM specs WHERE revision > @seen", new { seen })
            .Select(r => (Key(r.Role, r.Name), r.Read())),
        connection => connection.Query<(string Name, string Role)>("SELECT name, role FROM specs")
            .Select(r => Key(r.Role, r.Name)));

    /// <summary>All of them as they are now: for who looks at many.</summary>
    public StoredSpecs Now()
    {
        using var connection = database.Open();
        return new StoredSpecs(_rows.Read(connection));
    }

    public StoredSource? Source(string group) => Now().Source(group);

    public StoredReplica? Replica(string group) => Now().Replica(group);

    public IReadOnlyList<StoredSource> Sources() => [.. Now().Sources];

    public IReadOnlyList<StoredReplica> Replicas() => [.. Now().Replicas];

    public void SaveSource(SourceSpec spec, bool active)
    {
        var text = StoredJson.Write(spec);
        // Put again and again as it is: that must not be a write each time.
        if (Source(spec.Group) is { } known && known.Active == active && StoredJson.Write(known.Spec) == text) return;
        Save(spec.Group, SourceRole, active, 0, text);
    }

    public void SaveReplica(StoredReplica replica)
    {
        Save(replica.Spec.Group, ReplicaRole, replica.Active, replica.Accepted.Value, StoredJson.Write(replica.Spec));
        files.Write(replica);
    }

    public LinkSettings Link(string peer) => Now().Link(peer);

    public void SaveLink(string peer, LinkSettings settings) =>
        Save(peer, LinkRole, active: true, 0, StoredJson.Write(settings));

    public void RemoveSource(string group) => Remove(group, SourceRole);

    public void RemoveReplica(string group)
    {
        Remove(group, ReplicaRole);
        files.RemoveReplica(group);
    }

    private void Save(string group, string role, bool active, long accepted, string spec)
    {
        using var connection = database.Open();
        using var transaction = connection.BeginTransaction();
        if (role != LinkRole) database.Fence(connection, transaction, group);
        var revision = _rows.Next(connection, transaction);
        connection.Execute("""
            INSERT INTO specs(name, role, active, accepted, spec, revision)
            VALUES(@group, @role, @active, @accepted, @spec, @revision)
            ON CONFLICT(name, role) DO UPDATE SET active = excluded.active, accepted = excluded.accepted,
                spec = excluded.spec, revision = excluded.revision
            """, new { group, role, active = active ? 1 : 0, accepted, spec, revision }, transaction);
        transaction.Commit();
    }

    private void Remove(string group, string role)
    {
        using var connection = database.Open();
        using var transaction = connection.BeginTransaction();
        database.Fence(connection, transaction, group);
        _rows.Next(connection, transaction);
        connection.Execute("DELETE FROM specs WHERE name = @group AND role = @role", new { group, role }, transaction);
        transaction.Commit();
    }

    private static string Key(string role, string name) => $"{role}/{name}";

    /// <summary>What was stored at one moment.</summary>
    internal sealed class StoredSpecs(IReadOnlyDictionary<string, object> rows)
    {
        public StoredSource? Source(string group) => rows.GetValueOrDefault(Key(SourceRole, group)) as StoredSource;

        public StoredReplica? Replica(string group) =>
            rows.GetValueOrDefault(Key(ReplicaRole, group)) as StoredReplica;

        public LinkSettings Link(string peer) =>
            rows.GetValueOrDefault(Key(LinkRole, peer)) as LinkSettings ?? LinkSettings.Default;

        /// <summary>By group's name.</summary>
        public IEnumerable<StoredSource> Sources => rows.Values.OfType<StoredSource>();

        /// <summary>By group's name.</summary>
        public IEnumerable<StoredReplica> Replicas => rows.Values.OfType<StoredReplica>();
    }

    private sealed class Row
    {
        public string Name { get; init; } = "";
        public string Role { get; init; } = "";
        public long Active { get; init; }
        public long Accepted { get; init; }
        public string Spec { get; init; } = "";

        public object Read() => Role switch
        {
            SourceRole => new StoredSource(StoredJson.Read<SourceSpec>(Spec), Active != 0),
            ReplicaRole => new StoredReplica(StoredJson.Read<ReplicaSpec>(Spec), new Epoch(Accepted), Active != 0),
            LinkRole => StoredJson.Read<LinkSettings>(Spec),
            _ => throw new InvalidOperationException($"specs has a row of role {Role}, which no version wrote"),
        };
    }
}
