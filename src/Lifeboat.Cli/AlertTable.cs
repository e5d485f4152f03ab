// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli;

/// <summary>How alerts read.</summary>
internal static class AlertTable
{
    public static void Write(CommandOutput output, Alert alert) => output.WriteFacts(alert,
    [
        ("alert", $"{alert.Id}"),
        ("kind", $"{Show.Name(alert.Kind)} ({Show.Name(alert.Reason)}), {Show.Name(alert.Severity)}"),
        ("about", alert.Subject),
        ("what", alert.Summary),
        ("what to do", alert.Advice),
        ("since", Show.Time(alert.Since)),
        ("last seen", Show.Time(alert.LastSeen)),
        ("acknowledged", alert.AcknowledgedAt is { } at ? $"{Show.Time(at)} by {alert.AcknowledgedBy}" : null),
        ("closed", alert.ClosedAt is { } closed ? $"{Show.Time(closed)} by {alert.ClosedBy}" : null),
    ]);

    public static void Write(CommandOutput output, IReadOnlyList<Alert> alerts) => output.Write(alerts, table =>
    {
        table.AddColumns("alert", "severity", "kind", "since", "state", "what", "what to do");
        foreach (var a in alerts)
            table.AddRow($"{a.Id}", Show.Name(a.Severity), Show.Name(a.Kind), Show.Time(a.Since),
                a.ClosedAt is not null ? $"closed by {a.ClosedBy}"
                    : a.AcknowledgedAt is not null ? $"known to {a.AcknowledgedBy}" : "open", a.Summary, a.Advice);
    });

    public static void Write(CommandOutput output, IReadOnlyList<AlertTargetInfo> targets) =>
        output.Write(targets, table =>
        {
            table.AddColumns("target", "kind", "from severity", "to", "secret", "waiting", "given up");
            foreach (var t in targets)
                table.AddRow(t.Name, Show.Name(t.Kind), Show.Name(t.Least), t.Url
                    ?? $"{string.Join(", ", t.To)} from {t.From} over {t.Server} ({Show.Name(t.Security)})",
                    t.HasSecret ? "kept" : "none", $"{t.Waiting}", $"{t.Dead}");
        });
}
