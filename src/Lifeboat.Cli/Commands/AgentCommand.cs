// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Agent;

namespace Lifeboat.Cli.Commands;

internal sealed class AgentCommand() : LifeboatCommand(null, "agent", "Run the agent of the site: the data path")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        await AgentHost.RunAsync(session.SiteDirectory, ct);
        return ExitCode.Ok;
    }
}
