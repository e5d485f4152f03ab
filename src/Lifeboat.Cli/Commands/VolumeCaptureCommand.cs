// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class VolumeCaptureCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Argument<string> _volume = Inputs.Volume();

    public VolumeCaptureCommand() : base("volume", "capture", "Take back a volume that was released")
    {
        Add(_group);
        Add(_volume);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var group = await session.Controller.CaptureVolumeAsync(
            parsed.GetRequiredValue(_group), parsed.GetRequiredValue(_volume), ct);
        GroupTable.Write(session.Output, group, session.Time);
        return ExitCode.Ok;
    }
}
