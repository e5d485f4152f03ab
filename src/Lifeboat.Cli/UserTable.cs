// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli;

/// <summary>How a user reads.</summary>
internal static class UserTable
{
    public static void Write(CommandOutput output, UserInfo user) => output.WriteFacts(user,
    [
        ("user", user.Name), ("tenant", user.Tenant ?? "none: of the site"),
        ("roles", AccessInputs.Text(user.Roles)),
        ("granted besides", user.Granted.Count == 0 ? null : AccessInputs.Text(user.Granted)),
        ("taken from them", user.Taken.Count == 0 ? null : AccessInputs.Text(user.Taken)),
        ("rights", AccessInputs.Text(user.Rights)),
        ("password", user.HasPassword ? "yes" : "none: tokens only"), ("since", Show.Time(user.CreatedAt)),
    ]);
}
