// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Controller;

namespace Lifeboat.Cli.Commands;

internal sealed class ControllerCommand() : LifeboatCommand(null, "controller", "Run the controller of the site")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        await ControllerHost.RunAsync(session.SiteDirectory, ct);
        return ExitCode.Ok;
    }
}
