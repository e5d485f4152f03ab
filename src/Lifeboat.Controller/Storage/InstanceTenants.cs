// SPDX-License-Identifier: Apache-2.0
using Dapper;

namespace Lifeboat.Controller.Storage;

/// <summary>Which instances of the site were given to a tenant; the others are seen by the site's own users
/// only.</summary>
internal sealed class InstanceTenants(ControllerDatabase database)
{
    public string? TenantOf(string instance)
    {
        using var connection = database.Open();
        return connection.QuerySingleOrDefault<string>(
            "SELECT tenant FROM instance_tenants WHERE instance = @instance", new { instance });
    }

    public IReadOnlyDictionary<string, string> All()
    {
        using var connection = database.Open();
        return connection.Query<Row>("SELECT instance, tenant FROM instance_tenants")
            .ToDictionary(r => r.Instance, r => r.Tenant);
    }

    /// <param name="tenant">Null: it is the site's again.</param>
    public void Give(string instance, string? tenant)
    {
        using var connection = database.Open();
        if (tenant is null)
            connection.Execute("DELETE FROM instance_tenants WHERE instance = @instance", new { instance });
        else
            connection.Execute("""
                INSERT INTO instance_tenants(instance, tenant) VALUES(@instance, @tenant)
                ON CONFLICT(instance) DO UPDATE SET tenant = excluded.tenant
                """, new { instance, tenant });
    }

    private sealed class Row
    {
        public string Instance { get; init; } = "";
        public string Tenant { get; init; } = "";
    }
}
