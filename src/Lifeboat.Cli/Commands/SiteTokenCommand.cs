// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class SiteTokenCommand() : LifeboatCommand("site", "token",
    "Make a one-time token with which one other site can pair with this one")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var token = await session.Controller.CreateTokenAsync(ct);
        if (session.Output.ForPeople) Console.Out.WriteLine(token.Token);
        else session.Output.Write(token, _ => { });
        session.Output.Talk($"valid once, until {Show.Time(token.ExpiresAt)}; "
            + "at the other site: lifeboat site pair TOKEN");
        return ExitCode.Ok;
    }
}
