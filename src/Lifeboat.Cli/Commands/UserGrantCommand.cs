// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class UserGrantCommand : LifeboatCommand
{
    private readonly Argument<string> _user = AccessInputs.User();
    private readonly Option<Role[]> _roles = AccessInputs.Roles();
    private readonly Option<Right[]> _rights = AccessInputs.Rights();

    public UserGrantCommand() : base("user", "grant", "Give roles and single rights to a user")
    {
        Add(_user);
        Add(_roles);
        Add(_rights);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var request = new RightsRequest
        {
            Roles = parsed.GetRequiredValue(_roles),
            Rights = parsed.GetRequiredValue(_rights),
        };
        var user = await session.Controller.GrantAsync(parsed.GetRequiredValue(_user), request, ct);
        UserTable.Write(session.Output, user);
        return ExitCode.Ok;
    }
}
