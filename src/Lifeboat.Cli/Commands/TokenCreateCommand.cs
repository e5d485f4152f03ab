// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class TokenCreateCommand : LifeboatCommand
{
    private readonly Option<string?> _user = new("--user")
    {
        Description = "Whose it will be; default: the caller's own",
        HelpName = "USER",
    };

    private readonly Option<string?> _label = new("--label") { Description = "What it is for", HelpName = "TEXT" };
    private readonly Option<TimeSpan?> _for = Inputs.Duration("--for", "How long it is good (default 12h)");
    private readonly Option<Right[]> _rights =
        AccessInputs.Rights("No more than these of the user's rights (default: all)");

    public TokenCreateCommand() : base("token", "create", "Make a token; it is shown once")
    {
        Add(_user);
        Add(_label);
        Add(_for);
        Add(_rights);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var made = await session.Controller.CreateApiTokenAsync(new CreateApiTokenRequest
        {
            User = parsed.GetValue(_user),
            Label = parsed.GetValue(_label),
            For = parsed.GetValue(_for),
            Rights = parsed.GetRequiredValue(_rights) is { Length: > 0 } rights ? rights : null,
        }, ct);
        if (session.Output.ForPeople) Console.Out.WriteLine(made.Token);
        else session.Output.Write(made, _ => { });
        session.Output.Talk($"token {made.Info.Id} of {made.Info.User}, good until {Show.Time(made.Info.ExpiresAt)}; "
            + "it is not shown again");
        return ExitCode.Ok;
    }
}
