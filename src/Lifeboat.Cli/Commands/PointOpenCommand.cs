// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Cli.Commands;

internal sealed class PointOpenCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<string?> _point = Inputs.Point();
    private readonly Option<long?> _sequence = new("--sequence")
    {
        Description = "Any sequence in the history instead",
    };

    private readonly Option<string> _name = new("--name") { Description = "Name of the view", Required = true };
    private readonly Option<bool> _writable = new("--writable")
    {
        Description = "Copy-on-write: what is written vanishes when the view is closed",
    };

    private readonly Option<bool> _damage = new("--accept-damage")
    {
        Description = "A damaged point too: reading what is lost fails, all else is right",
    };

    public PointOpenCommand() : base("point", "open", "Open a point in time as NBD exports, at the recovery site")
    {
        Add(_group);
        Add(_point);
        Add(_sequence);
        Add(_name);
        Add(_writable);
        Add(_damage);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var point = parsed.GetValue(_point) is { } text ? session.PointId(text) : (Guid?)null;
        var view = await session.Controller.OpenViewAsync(parsed.GetRequiredValue(_group), new ViewRequest(
            parsed.GetRequiredValue(_name), point, parsed.GetValue(_sequence), parsed.GetValue(_writable),
            parsed.GetValue(_damage)), ct);
        session.Output.Write(view, table =>
        {
            table.AddColumns("volume", "size", "uri");
            foreach (var v in view.Volumes)
                table.AddRow(v.Name, Show.Bytes(v.SizeBytes), $"nbd+unix:///{v.Export}?socket={v.Socket}");
        });
        return ExitCode.Ok;
    }
}
