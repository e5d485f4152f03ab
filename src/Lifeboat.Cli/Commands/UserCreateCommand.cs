// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class UserCreateCommand : LifeboatCommand
{
    private readonly Argument<string> _user = AccessInputs.User();
    private readonly Option<Role[]> _roles = AccessInputs.Roles();
    private readonly Option<Right[]> _rights = AccessInputs.Rights("Right beyond those of the roles");
    private readonly Option<string?> _password = AccessInputs.PasswordFile();

    public UserCreateCommand() : base("user", "create", "Make a user; without a password it has tokens only")
    {
        Add(_user);
        Add(_roles);
        Add(_rights);
        Add(_password);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var request = new CreateUserRequest
        {
            Name = parsed.GetRequiredValue(_user),
            Roles = parsed.GetRequiredValue(_roles),
            Rights = parsed.GetRequiredValue(_rights),
            Password = await AccessInputs.ReadSecretAsync(parsed, _password, ct),
        };
        var user = await session.Controller.CreateUserAsync(request, ct);
        UserTable.Write(session.Output, user);
        return ExitCode.Ok;
    }
}
