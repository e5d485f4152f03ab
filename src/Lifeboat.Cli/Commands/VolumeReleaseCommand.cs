// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Cli.Commands;

internal sealed class VolumeReleaseCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Argument<string> _volume = Inputs.Volume();
    private readonly Option<TimeSpan?> _for = Inputs.Duration("--for", "Capture comes back after it at the latest");
    private readonly Option<string> _reason = new("--reason")
    {
        Description = "Why, for people who ask later",
        HelpName = "TEXT",
        Required = true,
    };

    public VolumeReleaseCommand() : base("volume", "release",
        "Let go of one volume for a while, for what QEMU refuses while it is captured: a snapshot, a resize")
    {
        _for.Required = true;
        Add(_group);
        Add(_volume);
        Add(_for);
        Add(_reason);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var group = await session.Controller.ReleaseVolumeAsync(parsed.GetRequiredValue(_group),
            parsed.GetRequiredValue(_volume), new ReleaseVolumeRequest(parsed.GetValue(_for) ?? TimeSpan.Zero,
                parsed.GetRequiredValue(_reason)), ct);
        GroupTable.Write(session.Output, group, session.Time);
        return ExitCode.Ok;
    }
}
