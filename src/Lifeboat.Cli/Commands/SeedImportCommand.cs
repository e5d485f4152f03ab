// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Cli.Commands;

internal sealed class SeedImportCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<DirectoryInfo> _from = new("--from")
    {
        Description = "The directory GROUP.seed, or the one that it lies in",
        Required = true,
    };

    public SeedImportCommand() : base("seed", "import",
        "Let the replica of a group begin with a seed that was carried here, at the recovery site")
    {
        Add(_group);
        Add(_from);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var group = parsed.GetRequiredValue(_group);
        var from = new SeedRequest(parsed.GetRequiredValue(_from).FullName);
        var seed = await SeedWatch.FollowAsync(
            session, group, session.Controller.ImportSeedAsync(group, from, ct), ct);
        SeedWatch.Write(session.Output, seed);
        return ExitCode.Ok;
    }
}
