// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Controller.Storage;

/// <summary>Points of groups that are moved by backups, whole or not.</summary>
internal sealed class BackupPointStore(ControllerDatabase database)
{
    /// <summary>Oldest first.</summary>
    public IReadOnlyList<BackupPoint> Of(string group) => Query("WHERE name = @group", new { group });

    public BackupPoint? Find(Guid point) => Query("WHERE id = @id", new { id = $"{point}" }).SingleOrDefault();

    /// <summary>Groups that have any.</summary>
    public IReadOnlyList<string> Groups()
    {
        using var connection = database.Open();
        return [.. connection.Query<string>("SELECT DISTINCT name FROM backup_points")];
    }

    public void Save(BackupPoint point)
    {
        using var connection = database.Open();
        using var transaction = connection.BeginTransaction();
        database.Fence(connection, transaction, point.Group);
        connection.Execute("""
            INSERT INTO backup_points(id, name, sequence, body) VALUES(@Id, @Group, @Sequence, @Body)
            ON CONFLICT(id) DO UPDATE SET sequence = excluded.sequence, body = excluded.body
            """, new
        {
            Id = $"{point.Point.Id}",
            point.Group,
            point.Point.Sequence,
            Body = StoredJson.Write(point),
        }, transaction);
        transaction.Commit();
    }

    public void Remove(Guid point)
    {
        using var connection = database.Open();
        connection.Execute("DELETE FROM backup_points WHERE id = @id", new { id = $"{point}" });
    }

    private List<BackupPoint> Query(string where, object parameters)
    {
        using var connection = database.Open();
        return
        [
            .. connection.Query<string>($"SELECT body FROM backup_points {where} ORDER BY sequence, id", parameters)
                .Select(StoredJson.Read<BackupPoint>),
        ];
    }
}
