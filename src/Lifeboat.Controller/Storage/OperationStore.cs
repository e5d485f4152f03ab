// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Controller.Storage;

/// <summary>An operation as it is kept, for whom it is, and who carries it out.</summary>
internal sealed record KeptOperation(string Caller, string Holder, DateTimeOffset TouchedAt, Operation Operation);

/// <summary>Changes that are carried out while nobody waits for them; kept for some days after their end.</summary>
internal sealed class OperationStore(ControllerDatabase database)
{
    private const int Listed = 1000;

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
    }

    /// <summary>Removes those that ended before this; one under way is touched again and again.</summary>
    /// <returns>How many; fewer than <paramref name="most"/>: there are no more.</returns>
    public int Prune(DateTimeOffset before, int most)
    {
        using var connection = database.Open();
        return connection.Execute("""
            DELETE FROM operations WHERE touched_at < @at AND id IN (SELECT id FROM operations
                WHERE created_at < @at AND touched_at < @at ORDER BY created_at LIMIT @most)
            """, new { at = before.ToUnixTimeMilliseconds(), most });
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

    /// <summary>The newest, newest first.</summary>
    public IReadOnlyList<KeptOperation> List()
    {
        using var connection = database.Open();
        return [.. connection.Query<Row>(Select + " ORDER BY created_at DESC, id DESC LIMIT @Listed", new { Listed })
            .Select(r => r.Record())];
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
