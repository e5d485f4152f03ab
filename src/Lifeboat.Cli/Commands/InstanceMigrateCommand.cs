// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Cli.Commands;

internal sealed class InstanceMigrateCommand : LifeboatCommand
{
    private readonly Argument<string> _name = new("instance") { Description = "An instance that runs here" };
    private readonly Option<string> _to = new("--to")
    {
        Description = "Host of this site, as `agent list` shows it",
        Required = true,
    };

    public InstanceMigrateCommand() : base("instance", "migrate",
        "Move a running instance to another host; its protection goes on from the agent there")
    {
        Add(_name);
        Add(_to);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var instance = await session.Controller.MigrateInstanceAsync(parsed.GetRequiredValue(_name),
            new MigrateRequest(parsed.GetRequiredValue(_to)), ct);
        session.Output.WriteFacts(instance,
        [
            ("instance", instance.Name), ("host", instance.Host), ("power", Show.Name(instance.Power)),
            ("pid", $"{instance.ProcessId}"), ("monitor", instance.QmpSocket),
        ]);
        return ExitCode.Ok;
    }
}
