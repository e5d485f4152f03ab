// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class UserListCommand() : LifeboatCommand("user", "list", "List users")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var users = await session.Controller.UsersAsync(ct);
        session.Output.Write(users, table =>
        {
            table.AddColumns("user", "tenant", "roles", "rights", "password");
            foreach (var u in users)
                table.AddRow(u.Name, u.Tenant ?? "", AccessInputs.Text(u.Roles), AccessInputs.Text(u.Rights),
                    u.HasPassword ? "yes" : "no");
        });
        return ExitCode.Ok;
    }
}
