// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class PointCreateCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<bool> _quiesce = new("--quiesce", "-q")
    {
        Description = "Freeze the guests' file systems through their agents first (application-consistent)",
    };

    private readonly Option<string?> _label = new("--label") { Description = "A label to find it by" };

    public PointCreateCommand() : base("point", "create", "Cut a recovery point and wait until it is sealed")
    {
        Add(_group);
        Add(_quiesce);
        Add(_label);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var result = await session.Controller.CreatePointAsync(parsed.GetRequiredValue(_group),
            new CreatePointRequest(parsed.GetValue(_quiesce), parsed.GetValue(_label)), ct);
        session.Output.WriteFacts(result,
        [
            ("point", result.Point.Id.ToString()), ("cut at", Show.Time(result.Point.CutAt)),
            ("consistency", Show.Name(result.Point.Consistency)), ("sealed", result.Sealed ? "yes" : "not yet"),
            ("acknowledgements held", $"{result.Held.TotalMilliseconds:0.00} ms"),
            ("guests frozen", result.Frozen is { } f ? Show.Span(f) : null), ("note", result.Point.Note),
            .. result.Point.Evidence?.Select(e => (e.Key, (string?)e.Value)) ?? [],
        ]);
        return ExitCode.Ok;
    }
}
