// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Cli.Commands;

internal sealed class VolumeProtectCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Argument<string> _volume = Inputs.Volume();
    private readonly Option<string?> _target = new("--target-disk")
    {
        Description = "An existing raw file or block device at the recovery site that takes the copy "
            + "(default: a file of the agent there)",
        HelpName = "PATH",
    };

    public VolumeProtectCommand() : base("volume", "protect",
        "Take a disk that was plugged into a protected instance, or was left out, into its group")
    {
        Add(_group);
        Add(_volume);
        Add(_target);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var group = await session.Controller.ProtectVolumeAsync(parsed.GetRequiredValue(_group),
            parsed.GetRequiredValue(_volume), new ProtectVolumeRequest(parsed.GetValue(_target)), ct);
        GroupTable.Write(session.Output, group, session.Time);
        return ExitCode.Ok;
    }
}
