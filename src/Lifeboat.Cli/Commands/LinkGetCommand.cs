// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class LinkGetCommand : LifeboatCommand
{
    private readonly Argument<string> _peer = Inputs.Peer();

    public LinkGetCommand()
        : base("link", "get", "Show the caps and compression of what is shipped to a paired site") => Add(_peer);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        LinkTable.Write(session.Output, await session.Controller.LinkAsync(parsed.GetRequiredValue(_peer), ct));
        return ExitCode.Ok;
    }
}
