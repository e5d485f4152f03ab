// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Cli.Commands;

internal sealed class InstanceGiveCommand : LifeboatCommand
{
    private readonly Argument<string> _instance = new("instance") { Description = "Name of the instance" };
    private readonly Option<string?> _to = new("--to")
    {
        Description = "The tenant that may see and protect it; without: it is the site's again",
        HelpName = "TENANT",
    };

    public InstanceGiveCommand() : base("instance", "give", "Say whose an instance is")
    {
        Add(_instance);
        Add(_to);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        await session.Controller.GiveInstanceAsync(parsed.GetRequiredValue(_instance),
            new GiveInstanceRequest(parsed.GetValue(_to)), ct);
        return ExitCode.Ok;
    }
}
