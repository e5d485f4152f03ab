// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;

namespace Lifeboat.Controller.Storage;

/// <summary>API tokens. Those that are over or were revoked are kept for a while, so that it can be said.</summary>
internal sealed class ApiTokenStore(ControllerDatabase database)
{
    private static readonly TimeSpan KeptAfter = TimeSpan.FromDays(30);

    public void Add(StoredToken token)
    {
        using var connection = database.Open();
        connection.Execute("DELETE FROM api_tokens WHERE expires_at < @old",
            new { old = (token.CreatedAt - KeptAfter).ToUnixTimeMilliseconds() });
        connection.Execute("""
            INSERT INTO api_tokens(id, tenant, name, hash, label, rights, created_at, created_by, expires_at)
            VALUES(@Id, @Tenant, @User, @Hash, @Label, @rights, @created, @CreatedBy, @expires)
            """, new
        {
            token.Id, token.Tenant, token.User, token.Hash, token.Label, token.CreatedBy,
            rights = token.Rights is { } rights ? StoredJson.Write(rights) : null,
            created = token.CreatedAt.ToUnixTimeMilliseconds(),
            expires = token.ExpiresAt.ToUnixTimeMilliseconds(),
        });
    }

    public StoredToken? Find(string id)
    {
        using var connection = database.Open();
        return connection.QuerySingleOrDefault<Row>($"SELECT {Columns} FROM api_tokens WHERE id = @id", new { id })
            ?.Token();
    }

    /// <param name="tenant">Null: of the site and all tenants.</param>
    /// <param name="user">Null: of all users.</param>
    public IReadOnlyList<StoredToken> All(string? tenant, string? user)
    {
        using var connection = database.Open();
        return [.. connection.Query<Row>($"""
            SELECT {Columns} FROM api_tokens
            WHERE (@tenant IS NULL OR tenant = @tenant) AND (@user IS NULL OR name = @user) ORDER BY created_at, id
            """, new { tenant, user }).Select(r => r.Token())];
    }

    public void Revoke(string id, DateTimeOffset at)
    {
        using var connection = database.Open();
        connection.Execute("UPDATE api_tokens SET revoked_at = @at WHERE id = @id AND revoked_at IS NULL",
            new { id, at = at.ToUnixTimeMilliseconds() });
    }

    public void RevokeAll(string tenant, string user, DateTimeOffset at)
    {
        using var connection = database.Open();
        connection.Execute("""
            UPDATE api_tokens SET revoked_at = @at WHERE tenant = @tenant AND name = @user AND revoked_at IS NULL
            """, new { tenant, user, at = at.ToUnixTimeMilliseconds() });
    }

    public void Used(string id, DateTimeOffset at, string address)
    {
        using var connection = database.Open();
        connection.Execute("UPDATE api_tokens SET last_used_at = @at, last_used_from = @address WHERE id = @id",
            new { id, at = at.ToUnixTimeMilliseconds(), address });
    }

    private const string Columns = "id, tenant, name, hash, label, rights, created_at AS CreatedAt, "
        + "created_by AS CreatedBy, expires_at AS ExpiresAt, revoked_at AS RevokedAt, last_used_at AS LastUsedAt, "
        + "last_used_from AS LastUsedFrom";

    private sealed class Row
    {
        public string Id { get; init; } = "";
        public string Tenant { get; init; } = "";
        public string Name { get; init; } = "";
        public string Hash { get; init; } = "";
        public string? Label { get; init; }
        public string? Rights { get; init; }
        public long CreatedAt { get; init; }
        public string CreatedBy { get; init; } = "";
        public long ExpiresAt { get; init; }
        public long? RevokedAt { get; init; }
        public long? LastUsedAt { get; init; }
        public string? LastUsedFrom { get; init; }

        public StoredToken Token() => new(Id, Tenant, Name, Hash, Label,
            Rights is null ? null : StoredJson.Read<List<Right>>(Rights), Time(CreatedAt), CreatedBy, Time(ExpiresAt))
        {
            RevokedAt = RevokedAt is { } revoked ? Time(revoked) : null,
            LastUsedAt = LastUsedAt is { } used ? Time(used) : null,
            LastUsedFrom = LastUsedFrom,
        };

        private static DateTimeOffset Time(long at) => DateTimeOffset.FromUnixTimeMilliseconds(at);
    }
}
