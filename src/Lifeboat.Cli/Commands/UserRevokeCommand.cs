// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class UserRevokeCommand()
    : RightsCommand("revoke", "Take roles and single rights from a user; the rest stays")
{
    protected override Task<UserInfo> ChangeAsync(ControllerClient controller, string user, RightsRequest request,
        CancellationToken ct) => controller.RevokeAsync(user, request, ct);
}
