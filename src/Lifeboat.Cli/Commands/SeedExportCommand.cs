// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Cli.Commands;

internal sealed class SeedExportCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<DirectoryInfo> _to = new("--to")
    {
        Description = "Directory that is there, of a disk to carry; a directory GROUP.seed is made in it",
        Required = true,
    };

    public SeedExportCommand() : base("seed", "export",
        "Write the disks of a group to a medium while its instances run, at the primary site")
    {
        Add(_group);
        Add(_to);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var group = parsed.GetRequiredValue(_group);
        var to = new SeedRequest(parsed.GetRequiredValue(_to).FullName);
        var seed = await SeedWatch.FollowAsync(
            session, group, session.Controller.ExportSeedAsync(group, to, ct), ct);
        SeedWatch.Write(session.Output, seed);
        return ExitCode.Ok;
    }
}
