// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Cli.Commands;

internal sealed class VolumeResizeCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Argument<string> _volume = Inputs.Volume();
    private readonly Option<long> _size = new("--size-mib") { Description = "The new size, MiB", Required = true };

    public VolumeResizeCommand()
        : base("volume", "resize", "Make a disk of a running instance longer, with its replica")
    {
        Add(_group);
        Add(_volume);
        Add(_size);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var group = await session.Controller.ResizeVolumeAsync(parsed.GetRequiredValue(_group),
            parsed.GetRequiredValue(_volume), new ResizeVolumeRequest(parsed.GetRequiredValue(_size) << 20), ct);
        GroupTable.Write(session.Output, group, session.Time);
        return ExitCode.Ok;
    }
}
