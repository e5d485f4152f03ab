// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class GroupDivergenceCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<bool> _noWait = new("--no-wait")
    {
        Description = "Show what is known now; comparing large disks takes a while",
    };

    public GroupDivergenceCommand() : base("group", "divergence",
        "Show where the two sides of a group parted and what each wrote since, before you choose with `group resolve`")
    {
        Add(_group);
        Add(_noWait);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var name = parsed.GetRequiredValue(_group);
        var info = await session.Controller.DivergenceAsync(name, ct);
        while (!info.Done && !parsed.GetValue(_noWait))
        {
            session.Output.Talk($"comparing: {info.Sides.Min(s => s.Progress):P0}");
            info = await session.Controller.DivergenceAsync(name, ct);
        }
        Write(session.Output, info);
        return ExitCode.Ok;
    }

    private static void Write(CommandOutput output, DivergenceInfo info)
    {
        output.Write(info, table =>
        {
            table.AddColumns("site", "was", "epoch", "runs", "last write", "changed since the fork", "extents",
                "known by", "--keep");
            foreach (var side in info.Sides)
                table.AddRow(side.Site, side.Was, side.Epoch.ToString(), side.Runs ? "yes" : "no",
                    side.LastWrittenAt is { } at ? Show.Time(at) : "", Bytes(side),
                    side.Extents is { } extents ? $"{extents}" : "", Known(side), side.Was);
        });
        var fork = info.Fork;
        output.Talk($"fork: point {fork.PointId}, sequence {fork.Sequence}, cut at {Show.Time(fork.CutAt)}; site "
            + $"{fork.LeftSite} was left in epoch {fork.LeftEpoch}, epoch {fork.Began} began at {Show.Time(fork.At)}");
        output.Talk(info.Notice is { } notice ? $"diverged: {notice.Evidence}"
            : "nobody found that both sides wrote: this is a failover from a site that was down");
        if (fork.AcknowledgedAt is { } known) output.Talk($"left as it is since {Show.Time(known)}");
        if (fork.Loser is { } loser) output.Talk($"resolved: the state of {loser} gave way");
    }

    private static string Bytes(SideChanges side) => side.Bytes is { } bytes
        ? Show.Bytes(bytes) + (side.Done ? "" : $" so far ({side.Progress:P0})") : "unknown";

    private static string Known(SideChanges side) => side.From switch
    {
        ChangesFrom.Nowhere => $"not: {side.Detail}",
        ChangesFrom.ChangeMap => "QEMU's change map (at most)",
        ChangesFrom.Comparison => "comparison with the fork point",
    };
}
