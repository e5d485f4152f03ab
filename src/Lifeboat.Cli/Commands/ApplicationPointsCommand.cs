// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class ApplicationPointsCommand : LifeboatCommand
{
    private readonly Argument<string> _application = Inputs.Application();

    public ApplicationPointsCommand() : base("application", "points",
        "List the points that every group of an application has, oldest first") => Add(_application);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var points = await session.Controller.SharedPointsAsync(parsed.GetRequiredValue(_application), ct);
        session.Output.Write(points, table =>
        {
            table.AddColumns("point", "cut at", "label", "groups");
            foreach (var p in points)
                table.AddRow(p.Id.ToString(), Show.Time(p.CutAt), p.Label ?? "",
                    string.Join(", ", p.Points.Keys.Order(StringComparer.Ordinal)));
        });
        return ExitCode.Ok;
    }
}
