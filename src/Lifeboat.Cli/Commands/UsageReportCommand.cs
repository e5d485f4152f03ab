// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Globalization;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class UsageReportCommand : LifeboatCommand
{
    private readonly Option<string?> _month = new("--month") { Description = "As 2026-11; the present one" };

    public UsageReportCommand() : base("usage", "report",
        "What tenants and groups used in a month, as this site metered it") => Add(_month);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var report = await session.Controller.UsageAsync(parsed.GetValue(_month), ct);
        session.Output.Write(report, table =>
        {
            table.AddColumns("month", "site", "tenant", "group", "protected GiB h", "changed bytes", "wire bytes",
                "journal GiB h", "point GiB h", "drill instance h", "recovery instance h", "observed h",
                "unobserved h", "cost", "currency");
            // A program that reads CSV makes its own sums.
            foreach (var line in session.Output.ForPeople ? report.Lines.Concat(report.Tenants).Append(report.Total)
                : report.Lines)
                table.AddRow(Row(report, line));
        });
        if (report.UpTo is { } at) session.Output.Talk($"metered up to {Show.Time(at)}");
        return ExitCode.Ok;
    }

    private static string[] Row(UsageReport report, UsageLine line) =>
    [
        report.Month, report.Site, line.Tenant, line.Group, Number(line.ProtectedGibHours), $"{line.ChangedBytes}",
        $"{line.WireBytes}", Number(line.JournalGibHours), Number(line.PointGibHours),
        Number(line.DrillInstanceHours), Number(line.RecoveryInstanceHours), Number(line.ObservedHours),
        Number(line.UnobservedHours), line.Cost?.ToString(CultureInfo.InvariantCulture) ?? "", report.Currency ?? "",
    ];

    private static string Number(double value) => value.ToString("0.######", CultureInfo.InvariantCulture);
}
