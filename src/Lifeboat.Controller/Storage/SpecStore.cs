// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.Links;

namespace Lifeboat.Controller.Storage;

/// <summary>What the site's agent is to do: the desired state that is put to it again after either restarts.</summary>
internal sealed class SpecStore(ControllerDatabase database, GroupFiles files)
{
    /// <param name="Active">False: another site is primary, the source is stopped but not forgotten.</param>
    public sealed record StoredSource(SourceSpec Spec, bool Active);

    /// <param name="Accepted">The epoch the replica was made in; in a later one it may have been raised.</param>
    /// <param name="Active">False: this site has become the source since; what is left is history.</param>
    public sealed record StoredReplica(ReplicaSpec Spec, Epoch Accepted, bool Active);

    public StoredSource? Source(string group) =>
        Find(group, "source") is { } row ? new(StoredJson.Read<SourceSpec>(row.Spec), row.Active != 0) : null;

    public StoredReplica? Replica(string group) => Find(group, "replica") is { } row
        ? new(StoredJson.Read<ReplicaSpec>(row.Spec), new Epoch(row.Accepted), row.Active != 0) : null;

    public IReadOnlyList<StoredSource> Sources() =>
        [.. All("source").Select(r => new StoredSource(StoredJson.Read<SourceSpec>(r.Spec), r.Active != 0))];

    public IReadOnlyList<StoredReplica> Replicas() =>
    [
        .. All("replica").Select(r =>
            new StoredReplica(StoredJson.Read<ReplicaSpec>(r.Spec), new(r.Accepted), r.Active != 0)),
    ];

    public void SaveSource(SourceSpec spec, bool active) =>
        Save(spec.Group, "source", active, 0, StoredJson.Write(spec));

    public void SaveReplica(StoredReplica replica)
    {
        Save(replica.Spec.Group, "replica", replica.Active, replica.Accepted.Value, StoredJson.Write(replica.Spec));
        files.Write(replica);
    }

    public LinkSettings Link(string peer) =>
        Find(peer, "link") is { } row ? StoredJson.Read<LinkSettings>(row.Spec) : LinkSettings.Default;

    public void SaveLink(string peer, LinkSettings settings) =>
        Save(peer, "link", active: true, 0, StoredJson.Write(settings));

    public void RemoveSource(string group) => Remove(group, "source");

    public void RemoveReplica(string group)
    {
        Remove(group, "replica");
        files.RemoveReplica(group);
    }

    private Row? Find(string group, string role)
    {
        using var connection = database.Open();
        return connection.QuerySingleOrDefault<Row>(
            "SELECT active, accepted, spec FROM specs WHERE name = @group AND role = @role", new { group, role });
    }

    private List<Row> All(string role)
    {
        using var connection = database.Open();
        return [.. connection.Query<Row>(
            "SELECT active, accepted, spec FROM specs WHERE role = @role ORDER BY name", new { role })];
    }

    private void Save(string group, string role, bool active, long accepted, string spec)
    {
        using var connection = database.Open();
        connection.Execute("""
            INSERT INTO specs(name, role, active, accepted, spec) VALUES(@group, @role, @active, @accepted, @spec)
            ON CONFLICT(name, role) DO UPDATE SET
                active = excluded.active, accepted = excluded.accepted, spec = excluded.spec
            """, new { group, role, active = active ? 1 : 0, accepted, spec });
    }

    private void Remove(string group, string role)
    {
        using var connection = database.Open();
        connection.Execute("DELETE FROM specs WHERE name = @group AND role = @role", new { group, role });
    }

    private sealed class Row
    {
        public long Active { get; init; }
        public long Accepted { get; init; }
        public string Spec { get; init; } = "";
    }
}
