// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class TenantCreateCommand() : TenantLimitsCommand("create", "Make a tenant")
{
    protected override Task<TenantInfo> SayAsync(ControllerClient controller, string tenant, TenantChange limits,
        CancellationToken ct) => controller.CreateTenantAsync(new CreateTenantRequest
        {
            Name = tenant,
            Description = limits.Description,
            Limits = limits.Applied(TenantLimits.None),
        }, ct);
}
