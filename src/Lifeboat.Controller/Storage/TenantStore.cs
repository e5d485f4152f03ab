// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Storage;

internal sealed record StoredTenant(string Name, string? Description, TenantLimits Limits, DateTimeOffset CreatedAt);

/// <summary>The tenants of this site. The default one is there without being kept.</summary>
internal sealed class TenantStore(ControllerDatabase database)
{
    /// <summary>Whose everything is that nobody said of whose it is.</summary>
    public const string Default = "default";

    public StoredTenant? Find(string name) => Body(name) is { } body ? StoredJson.Read<StoredTenant>(body)
        : name == Default ? DefaultTenant : null;

    public IReadOnlyList<StoredTenant> All()
    {
        using var connection = database.Open();
        List<StoredTenant> all = [.. connection.Query<string>("SELECT body FROM tenants ORDER BY name")
            .Select(StoredJson.Read<StoredTenant>)];
        return all.Exists(t => t.Name == Default) ? all : [DefaultTenant, .. all];
    }

    /// <returns>False: there is such a tenant already.</returns>
    public bool TryAdd(StoredTenant tenant)
    {
        if (tenant.Name == Default) return false;
        using var connection = database.Open();
        return connection.Execute("INSERT INTO tenants(name, body) VALUES(@Name, @body) ON CONFLICT(name) DO NOTHING",
            new { tenant.Name, body = StoredJson.Write(tenant) }) == 1;
    }

    /// <summary>Changes it as it is now: see <see cref="BodyChange"/>.</summary>
    /// <exception cref="ProblemException">TenantUnknown; whatever the change throws.</exception>
    public StoredTenant Change(string name, Func<StoredTenant, StoredTenant> change) => BodyChange.Make<StoredTenant>(
        () => Body(name),
        now => change(now ?? (name == Default ? DefaultTenant : throw Unknown(name))),
        (before, after) =>
        {
            using var connection = database.Open();
            return 1 == (before is null
                ? connection.Execute("INSERT INTO tenants(name, body) VALUES(@name, @after) ON CONFLICT DO NOTHING",
                    new { name, after })
                : connection.Execute("UPDATE tenants SET body = @after WHERE name = @name AND body = @before",
                    new { name, before, after }));
        });

    public void Remove(string name)
    {
        using var connection = database.Open();
        connection.Execute("DELETE FROM tenants WHERE name = @name", new { name });
    }

    private string? Body(string name)
    {
        using var connection = database.Open();
        return connection.QuerySingleOrDefault<string>("SELECT body FROM tenants WHERE name = @name", new { name });
    }

    public static ProblemException Unknown(string name) => new(ReasonCode.TenantUnknown, $"there is no tenant {name}");

    private static StoredTenant DefaultTenant => new(Default, null, TenantLimits.None, DateTimeOffset.UnixEpoch);
}
