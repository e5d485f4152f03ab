// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Globalization;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Cli.Commands;

internal sealed class GroupSlaCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<string?> _month = new("--month") { Description = "As 2026-11; the present one" };

    public GroupSlaCommand() : base("group", "sla", "How well the RPO target was kept in a month, as this site saw it")
    {
        Add(_group);
        Add(_month);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var level = await session.Controller.ServiceLevelAsync(
            parsed.GetRequiredValue(_group), parsed.GetValue(_month), ct);
        session.Output.WriteFacts(level,
        [
            ("group", $"{level.Group} of tenant {level.Tenant}"),
            ("month", level.Month),
            ("rpo target", Span.Text(level.RpoTarget)),
            ("attainment", level.Attainment is { } share ? share.ToString("0.0000%", CultureInfo.InvariantCulture)
                : "nothing was measured"),
            ("met", Show.Span(level.Met)),
            ("missed", Show.Span(level.Missed)),
            ("suspended", Show.Span(level.Suspended)),
            ("not protected", Show.Span(level.NotProtected)),
            ("unknown", Show.Span(level.Unknown)),
            ("drills", $"{level.DrillsPassed} passed, {level.DrillsFailed} failed"),
        ]);
        return ExitCode.Ok;
    }
}
