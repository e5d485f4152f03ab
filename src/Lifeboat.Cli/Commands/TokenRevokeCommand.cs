// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class TokenRevokeCommand : LifeboatCommand
{
    private readonly Argument<string> _token = new("token") { Description = "Id of the token (`token list`)" };

    public TokenRevokeCommand() : base("token", "revoke", "End a token at once") => Add(_token);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        await session.Controller.RevokeApiTokenAsync(parsed.GetRequiredValue(_token), ct);
        return ExitCode.Ok;
    }
}
