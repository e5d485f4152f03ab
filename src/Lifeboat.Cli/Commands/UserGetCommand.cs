// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class UserGetCommand : LifeboatCommand
{
    private readonly Argument<string> _user = AccessInputs.User();

    public UserGetCommand() : base("user", "get", "Show one user") => Add(_user);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        UserTable.Write(session.Output, await session.Controller.UserAsync(parsed.GetRequiredValue(_user), ct));
        return ExitCode.Ok;
    }
}
