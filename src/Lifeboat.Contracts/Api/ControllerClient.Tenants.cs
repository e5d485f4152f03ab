// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Contracts.Api;

public sealed partial class ControllerClient
{
    public Task<IReadOnlyList<TenantInfo>> TenantsAsync(CancellationToken ct) =>
        AskAsync<IReadOnlyList<TenantInfo>>(HttpMethod.Get, "v1/tenants", null, ct);

    public Task<TenantInfo> TenantAsync(string tenant, CancellationToken ct) =>
        AskAsync<TenantInfo>(HttpMethod.Get, $"v1/tenants/{Escape(tenant)}", null, ct);

    public Task<TenantInfo> CreateTenantAsync(CreateTenantRequest request, CancellationToken ct) =>
        AskAsync<TenantInfo>(HttpMethod.Post, "v1/tenants", request, ct);

    public Task<TenantInfo> ChangeTenantAsync(string tenant, TenantChange change, CancellationToken ct) =>
        AskAsync<TenantInfo>(HttpMethod.Patch, $"v1/tenants/{Escape(tenant)}", change, ct);

    /// <summary>Refused (Conflict) while it has groups, users or instances.</summary>
    public Task DeleteTenantAsync(string tenant, CancellationToken ct) =>
        TellAsync(HttpMethod.Delete, $"v1/tenants/{Escape(tenant)}", null, ct);

    /// <summary>Says whose an instance is: who may see and protect it.</summary>
    public Task GiveInstanceAsync(string instance, GiveInstanceRequest request, CancellationToken ct) =>
        TellAsync(HttpMethod.Put, $"v1/instances/{Escape(instance)}/tenant", request, ct);
}
