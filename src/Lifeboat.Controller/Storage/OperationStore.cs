// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Controller.Storage;

/// <summary>An operation as it is kept, for whom it is, and who carries it out.</summary>
internal sealed record KeptOperation(string Caller, string Holder, DateTimeOffset TouchedAt, Operation Operation);

/// <summary>Changes that are carried out while nobody waits for them; kept for some days after their end.</summary>
internal sealed class OperationStore(ControllerDatabase database)
{
    private const int Kept = 1000;

    public void Save(KeptOperation kept)
    {
        using var connection = database.Open();
        connection.Execute("""
            INSERT INTO operations(id, caller, holder, created_at, touched_at, body)
            VALUES(@id, @Caller, @Holder, @created, @touched, @body)
            ON CONFLICT(id) DO UPDATE SET touched_at = excluded.touched_at, body = excluded.body
            """, new
        {
            id = kept.Operation.Id.ToString(),
            kept.Caller,
            kept.Holder,
            created = kept.Operation.CreatedAt.ToUnixTimeMilliseconds(),
            touched = kept.TouchedAt.ToUnixTimeMilliseconds(),
            body = StoredJson.Write(kept.Operation),
        });
        connection.Execute("""
            DELETE FROM operations WHERE id IN (SELECT id FROM operations ORDER BY created_at DESC, id DESC
                LIMIT 1000000 OFFSET @Kept)
            """, new { Kept });
    }

    /// <summary>It is still being carried out.</summary>
    public void Touch(Guid id, DateTimeOffset now)
    {
        using var connection = database.Open();
        connection.Execute("UPDATE operations SET touched_at = @now WHERE id = @id",
            new { id = id.ToString(), now = now.ToUnixTimeMilliseconds() });
    }

    public KeptOperation? Find(Guid id)
    {
        using var connection = database.Open();
        return connection.QuerySingleOrDefault<Row>(Select + " WHERE id = @id", new { id = id.ToString() })?.Record();
    }

    /// <summary>Newest first.</summary>
    public IReadOnlyList<KeptOperation> List()
    {
        using var connection = database.Open();
        return [.. connection.Query<Row>(Select + " ORDER BY created_at DESC, id DESC").Select(r => r.Record())];
    }

    private const string Select = "SELECT caller, holder, touched_at AS TouchedAt, body FROM operations";

    private sealed class Row
    {
        public string Caller { get; init; } = "";
        public string Holder { get; init; } = "";
        public long TouchedAt { get; init; }
        public string Body { get; init; } = "";

        public KeptOperation Record() => new(Caller, Holder, DateTimeOffset.FromUnixTimeMilliseconds(TouchedAt),
            StoredJson.Read<Operation>(Body));
    }
}
