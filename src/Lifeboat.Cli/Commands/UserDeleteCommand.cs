// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class UserDeleteCommand : LifeboatCommand
{
    private readonly Argument<string> _user = AccessInputs.User();

    public UserDeleteCommand() : base("user", "delete", "Delete a user and all tokens of theirs") => Add(_user);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        await session.Controller.DeleteUserAsync(parsed.GetRequiredValue(_user), ct);
        return ExitCode.Ok;
    }
}
