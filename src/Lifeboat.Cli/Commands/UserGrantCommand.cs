// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class UserGrantCommand() : RightsCommand("grant", "Give roles and single rights to a user")
{
    protected override Task<UserInfo> ChangeAsync(ControllerClient controller, string user, RightsRequest request,
        CancellationToken ct) => controller.GrantAsync(user, request, ct);
}
