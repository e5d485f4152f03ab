// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class InstanceThawCommand : LifeboatCommand
{
    private readonly Argument<string> _name = new("instance") { Description = "An instance that runs here" };
    private readonly Option<Guid?> _id = Inputs.QuiesceId();

    public InstanceThawCommand() : base("instance", "thaw", "Let an instance go on that is held at rest")
    {
        Add(_name);
        Add(_id);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var thawed = await session.Controller.ThawInstanceAsync(
            parsed.GetRequiredValue(_name), new ThawRequest(parsed.GetValue(_id)), ct);
        QuiesceTable.Write(session.Output, thawed);
        return QuiesceTable.ExitOf(thawed);
    }
}
