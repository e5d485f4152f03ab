// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Controller.Identity;

namespace Lifeboat.Controller.Storage;

/// <summary>
/// One-time pairing tokens. Every try is counted before the proof is looked at. What proofs are keyed with is sealed.
/// </summary>
internal sealed class TokenStore(ControllerDatabase database, SiteKey key)
{
    private const int TriesMax = 5;

    public void Add(string id, string secretHash, DateTimeOffset expires)
    {
        using var connection = database.Open();
        connection.Execute("""
            INSERT INTO tokens(id, secret_hash, expires_at, wrong_tries, used) VALUES(@id, @secretHash, @at, 0, 0)
            """, new
        {
            id,
            secretHash = Convert.ToBase64String(key.Seal(Purpose(id), secretHash)),
            at = expires.ToUnixTimeMilliseconds(),
        });
    }

    /// <summary>Counts a try; the token is burnt after five.</summary>
    /// <returns>The hash of its secret; null: unknown, expired, used or burnt.</returns>
    public string? Try(string id, DateTimeOffset now)
    {
        using var connection = database.Open();
        var kept = connection.QuerySingleOrDefault<string>("""
            UPDATE tokens SET wrong_tries = wrong_tries + 1
            WHERE id = @id AND used = 0 AND expires_at > @now AND wrong_tries < @TriesMax RETURNING secret_hash
            """, new { id, now = now.ToUnixTimeMilliseconds(), TriesMax });
        return kept is null ? null : key.OpenText(Purpose(id), Convert.FromBase64String(kept));
    }

    /// <summary>Removes those that were over before this, used or not.</summary>
    /// <returns>How many; fewer than <paramref name="most"/>: there are no more.</returns>
    public int Prune(DateTimeOffset before, int most)
    {
        using var connection = database.Open();
        return connection.Execute("""
            DELETE FROM tokens WHERE id IN (SELECT id FROM tokens WHERE expires_at < @at LIMIT @most)
            """, new { at = before.ToUnixTimeMilliseconds(), most });
    }

    private static string Purpose(string id) => $"pairing token {id}";

    /// <returns>False: somebody else used it first.</returns>
    public bool Use(string id)
    {
        using var connection = database.Open();
        return connection.Execute("UPDATE tokens SET used = 1 WHERE id = @id AND used = 0", new { id }) == 1;
    }
}
