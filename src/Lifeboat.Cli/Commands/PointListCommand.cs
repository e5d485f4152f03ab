// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Cli.Commands;

internal sealed class PointListCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<int> _last = new("--last")
    {
        Description = "Only the newest N",
        DefaultValueFactory = _ => 0,
    };


    public PointListCommand() : base("point", "list", "List the recovery points of a group, oldest first")
    {
        Add(_group);
        Add(_last);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var points = await session.Controller.PointsAsync(parsed.GetRequiredValue(_group), ct);
        if (parsed.GetValue(_last) is > 0 and var last) points = [.. points.TakeLast(last)];
        session.Output.Write(points, table =>
        {
            table.AddColumns("point", "cut at", "consistency", "state", "epoch", "sequence", "label", "note");
            foreach (var p in points)
                table.AddRow(p.Id.ToString(), Show.Time(p.CutAt), Show.Name(p.Consistency), Show.Name(p.State),
                    p.Epoch.ToString(), $"{p.Sequence}", p.Label ?? "", Note(p));
        });
        return ExitCode.Ok;
    }

    private static string Note(RecoveryPoint point) => point.Without is { } later
        ? string.Join("; ", new[] { point.Note, $"before {string.Join(", ", later)}" }.OfType<string>())
        : point.Note ?? "";
}
