// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Controller.Policies;

/// <param name="Name">Full name, see <see cref="GroupName"/>.</param>
internal sealed record StoredPolicy(string Name, long Version, string? Description, Policy Policy,
    DateTimeOffset ChangedAt)
{
    public string Tenant => GroupName.TenantOf(Name);
}

/// <summary>The named policies of this site, and up to which version their groups have followed.</summary>
internal sealed class PolicyStore(ControllerDatabase database)
{
    public StoredPolicy? Find(string name)
    {
        using var connection = database.Open();
        return connection.QuerySingleOrDefault<string>("SELECT body FROM policies WHERE name = @name", new { name })
            is { } body ? StoredJson.Read<StoredPolicy>(body) : null;
    }

    public IReadOnlyList<StoredPolicy> All()
    {
        using var connection = database.Open();
        return [.. connection.Query<string>("SELECT body FROM policies ORDER BY name")
            .Select(StoredJson.Read<StoredPolicy>)];
    }

    /// <summary>Those that not all groups have followed yet.</summary>
    public IReadOnlyList<StoredPolicy> Behind()
    {
        using var connection = database.Open();
        return [.. connection.Query<string>("SELECT body FROM policies WHERE followed < version ORDER BY name")
            .Select(StoredJson.Read<StoredPolicy>)];
    }

    /// <returns>False: there is such a policy already.</returns>
    public bool TryAdd(StoredPolicy policy)
    {
        using var connection = database.Open();
        return connection.Execute("""
            INSERT INTO policies(name, version, followed, body) VALUES(@Name, @Version, 0, @body)
            ON CONFLICT(name) DO NOTHING
            """, new { policy.Name, policy.Version, body = StoredJson.Write(policy) }) == 1;
    }

    /// <returns>False: it is no longer the version before this one.</returns>
    public bool TryReplace(StoredPolicy next)
    {
        using var connection = database.Open();
        return connection.Execute("""
            UPDATE policies SET version = @Version, body = @body WHERE name = @Name AND version = @before
            """, new { next.Name, next.Version, before = next.Version - 1, body = StoredJson.Write(next) }) == 1;
    }

    public void SetFollowed(StoredPolicy policy)
    {
        using var connection = database.Open();
        connection.Execute("UPDATE policies SET followed = @Version WHERE name = @Name AND followed < @Version",
            new { policy.Name, policy.Version });
    }

    public void Remove(string name)
    {
        using var connection = database.Open();
        connection.Execute("DELETE FROM policies WHERE name = @name", new { name });
    }
}
