// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class TenantSetCommand()
    : TenantLimitsCommand("set", "Change what a tenant may have; what is not named stays")
{
    protected override Task<TenantInfo> SayAsync(ControllerClient controller, string tenant, TenantChange limits,
        CancellationToken ct) => controller.ChangeTenantAsync(tenant, limits, ct);
}
