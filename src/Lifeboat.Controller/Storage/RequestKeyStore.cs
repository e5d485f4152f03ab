// SPDX-License-Identifier: Apache-2.0
using Dapper;

namespace Lifeboat.Controller.Storage;

/// <summary>What a request with an idempotency key was answered with.</summary>
/// <param name="Body">Null: the answer had none.</param>
internal sealed record KeptAnswer(int Status, string? Location, string? MediaType, byte[]? Body);

/// <summary>What is known of an idempotency key.</summary>
/// <param name="Fingerprint">Of the request that it came with first.</param>
/// <param name="Answer">Null: that request is being carried out, or its controller died over it.</param>
internal sealed record KeptRequest(string Fingerprint, string Holder, DateTimeOffset TouchedAt, KeptAnswer? Answer);

/// <summary>
/// Idempotency keys with the answers of their requests. A request under way is touched every few seconds by whoever
/// carries it out, so that one whose controller died can be told from one that takes long.
/// </summary>
internal sealed class RequestKeyStore(ControllerDatabase database)
{
    /// <returns>False: the key is known already, see <see cref="Find"/>.</returns>
    public bool TryBegin(string caller, string key, string fingerprint, string holder, DateTimeOffset now)
    {
        using var connection = database.Open();
        return connection.Execute("""
            INSERT INTO request_keys(caller, request_key, fingerprint, holder, created_at, touched_at, status)
            VALUES(@caller, @key, @fingerprint, @holder, @at, @at, 0)
            ON CONFLICT(caller, request_key) DO NOTHING
            """, new { caller, key, fingerprint, holder, at = now.ToUnixTimeMilliseconds() }) == 1;
    }

    public KeptRequest? Find(string caller, string key)
    {
        using var connection = database.Open();
        return connection.QuerySingleOrDefault<Row>("""
            SELECT fingerprint, holder, touched_at AS TouchedAt, status, location, media_type AS MediaType, body
            FROM request_keys WHERE caller = @caller AND request_key = @key
            """, new { caller, key })?.Kept();
    }

    /// <summary>Takes a request over that its holder left.</summary>
    /// <returns>False: somebody else was first, or it lives after all.</returns>
    public bool TryTakeOver(string caller, string key, KeptRequest left, string holder, DateTimeOffset now)
    {
        using var connection = database.Open();
        return connection.Execute("""
            UPDATE request_keys SET holder = @holder, touched_at = @now
            WHERE caller = @caller AND request_key = @key AND holder = @left AND touched_at = @touched AND status = 0
            """, new
        {
            caller,
            key,
            holder,
            left = left.Holder,
            touched = left.TouchedAt.ToUnixTimeMilliseconds(),
            now = now.ToUnixTimeMilliseconds(),
        }) == 1;
    }

    public void Touch(string caller, string key, string holder, DateTimeOffset now)
    {
        using var connection = database.Open();
        connection.Execute("""
            UPDATE request_keys SET touched_at = @now
            WHERE caller = @caller AND request_key = @key AND holder = @holder AND status = 0
            """, new { caller, key, holder, now = now.ToUnixTimeMilliseconds() });
    }

    public void End(string caller, string key, string holder, KeptAnswer answer)
    {
        using var connection = database.Open();
        connection.Execute("""
            UPDATE request_keys
            SET status = @Status, location = @Location, media_type = @MediaType, body = @Body
            WHERE caller = @caller AND request_key = @key AND holder = @holder
            """, new { caller, key, holder, answer.Status, answer.Location, answer.MediaType, answer.Body });
    }

    /// <summary>Nothing was done: the key is as if it had never been said.</summary>
    public void Forget(string caller, string key, string holder)
    {
        using var connection = database.Open();
        connection.Execute("""
            DELETE FROM request_keys WHERE caller = @caller AND request_key = @key AND holder = @holder
            """, new { caller, key, holder });
    }

    /// <summary>Removes this one if it is from before this time.</summary>
    public void Prune(string caller, string key, DateTimeOffset before)
    {
        using var connection = database.Open();
        connection.Execute("""
            DELETE FROM request_keys WHERE caller = @caller AND request_key = @key AND touched_at < @at
            """, new { caller, key, at = before.ToUnixTimeMilliseconds() });
    }

    /// <summary>Removes those from before this time; one under way is touched again and again.</summary>
    /// <returns>How many; fewer than <paramref name="most"/>: there are no more.</returns>
    public int Prune(DateTimeOffset before, int most)
    {
        using var connection = database.Open();
        return connection.Execute("""
            DELETE FROM request_keys WHERE touched_at < @at AND (caller, request_key) IN (
                SELECT caller, request_key FROM request_keys WHERE touched_at < @at ORDER BY touched_at LIMIT @most)
            """, new { at = before.ToUnixTimeMilliseconds(), most });
    }

    private sealed class Row
    {
        public string Fingerprint { get; init; } = "";
        public string Holder { get; init; } = "";
        public long TouchedAt { get; init; }
        public long Status { get; init; }
        public string? Location { get; init; }
        public string? MediaType { get; init; }
        public byte[]? Body { get; init; }

        public KeptRequest Kept() => new(Fingerprint, Holder, DateTimeOffset.FromUnixTimeMilliseconds(TouchedAt),
            Status == 0 ? null : new KeptAnswer((int)Status, Location, MediaType, Body));
    }
}
