// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class UserPasswordCommand : LifeboatCommand
{
    private readonly Argument<string> _user = AccessInputs.User();
    private readonly Option<string?> _password = AccessInputs.PasswordFile();
    private readonly Option<string?> _present = new("--present-password-file")
    {
        Description = "File with the password until now; needed for one's own",
        HelpName = "FILE",
    };

    public UserPasswordCommand() : base("user", "password",
        "Set another password, or none; all tokens of the user are over")
    {
        Add(_user);
        Add(_password);
        Add(_present);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var request = new PasswordRequest(await AccessInputs.ReadSecretAsync(parsed, _password, ct),
            await AccessInputs.ReadSecretAsync(parsed, _present, ct));
        await session.Controller.SetPasswordAsync(parsed.GetRequiredValue(_user), request, ct);
        return ExitCode.Ok;
    }
}
