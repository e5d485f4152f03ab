// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Identity;

namespace Lifeboat.Controller.Storage;

/// <summary>Users of this site's own. What is kept of a password is hashed and sealed.</summary>
internal sealed class UserStore(ControllerDatabase database, SiteKey key)
{
    public StoredUser? Find(string tenant, string name) =>
        Body(tenant, name) is { } body ? StoredJson.Read<StoredUser>(body) : null;

    /// <param name="tenant">Null: of the site and all tenants.</param>
    public IReadOnlyList<(StoredUser User, bool HasPassword)> All(string? tenant)
    {
        using var connection = database.Open();
        return [.. connection.Query<Row>("""
            SELECT body, CASE WHEN password IS NULL THEN 0 ELSE 1 END AS Has FROM users
            WHERE @tenant IS NULL OR tenant = @tenant ORDER BY tenant, name
            """, new { tenant }).Select(r => (StoredJson.Read<StoredUser>(r.Body), r.Has != 0))];
    }

    /// <returns>False: there is such a user already.</returns>
    public bool TryAdd(StoredUser user, string? passwordHash)
    {
        using var connection = database.Open();
        return connection.Execute("""
            INSERT INTO users(tenant, name, body, password) VALUES(@Tenant, @Name, @body, @password)
            ON CONFLICT(tenant, name) DO NOTHING
            """, new
        {
            user.Tenant, user.Name, body = StoredJson.Write(user), password = Sealed(user, passwordHash),
        }) == 1;
    }

    /// <summary>Changes it as it is now: see <see cref="BodyChange"/>.</summary>
    /// <param name="gone">What is thrown when there is no such user any more.</param>
    public StoredUser Change(StoredUser user, Func<StoredUser, StoredUser> change, Func<Exception> gone) =>
        BodyChange.Make<StoredUser>(() => Body(user.Tenant, user.Name), now => change(now ?? throw gone()),
            (before, after) =>
            {
                using var connection = database.Open();
                return connection.Execute("""
                    UPDATE users SET body = @after WHERE tenant = @Tenant AND name = @Name AND body = @before
                    """, new { user.Tenant, user.Name, before, after }) == 1;
            });

    public void SavePassword(StoredUser user, string? passwordHash)
    {
        using var connection = database.Open();
        connection.Execute("UPDATE users SET password = @password WHERE tenant = @Tenant AND name = @Name",
            new { user.Tenant, user.Name, password = Sealed(user, passwordHash) });
    }

    /// <returns>Null: there is none.</returns>
    public string? PasswordHash(StoredUser user)
    {
        using var connection = database.Open();
        return connection.QuerySingleOrDefault<byte[]>(
            "SELECT password FROM users WHERE tenant = @Tenant AND name = @Name", new { user.Tenant, user.Name })
            is { } password ? key.OpenText(Purpose(user), password) : null;
    }

    public bool HasPassword(StoredUser user)
    {
        using var connection = database.Open();
        return connection.ExecuteScalar<long>("""
            SELECT count(*) FROM users WHERE tenant = @Tenant AND name = @Name AND password IS NOT NULL
            """, new { user.Tenant, user.Name }) == 1;
    }

    public bool Remove(string tenant, string name)
    {
        using var connection = database.Open();
        return connection.Execute("DELETE FROM users WHERE tenant = @tenant AND name = @name",
            new { tenant, name }) == 1;
    }

    private string? Body(string tenant, string name)
    {
        using var connection = database.Open();
        return connection.QuerySingleOrDefault<string>(
            "SELECT body FROM users WHERE tenant = @tenant AND name = @name", new { tenant, name });
    }

    private byte[]? Sealed(StoredUser user, string? hash) => hash is null ? null : key.Seal(Purpose(user), hash);

    private static string Purpose(StoredUser user) => $"password of {user.FullName}";

    private sealed class Row
    {
        public string Body { get; init; } = "";
        public long Has { get; init; }
    }
}
