// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Net;
using System.Text;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Recovery.Reports;

/// <summary>A report as one page without any outside part, for reading and printing.</summary>
public static class ReportHtml
{
    private const string Style = """
        :root{--ink:#1b1f24;--dim:#5c6570;--line:#d9dee4;--ok:#1a7f45;--warn:#9a6700;--bad:#b3261e}
        body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);max-width:60rem;margin:2rem auto;padding:0 1rem}
        h1{font-size:1.6rem;margin:0}
        h2{font-size:1.05rem;margin:2rem 0 .5rem}p.sub{color:var(--dim);margin:.2rem 0 1.2rem}
        .badge{display:inline-block;padding:.1rem .6rem;border-radius:1rem;color:#fff;font-size:.85rem}
        .ok{background:var(--ok)}.warn{background:var(--warn)}.bad{background:var(--bad)}
        .cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:.8rem}
        .card{border:1px solid var(--line);border-radius:.5rem;padding:.7rem .9rem}
        .card b{display:block;font-size:1.25rem}
        .card span{color:var(--dim);font-size:.85rem}table{border-collapse:collapse;width:100%}
        th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid var(--line)}
        th{color:var(--dim);font-weight:500;font-size:.85rem}td.n{text-align:right;white-space:nowrap}
        small{color:var(--dim)}code{font-size:.85em;overflow-wrap:anywhere}
        @media print{body{margin:0;max-width:none}.card,tr{break-inside:avoid}}
        """;

    public static string Render(RunReport report)
    {
        var body = report.Read();
        var title = $"{Capital(RunRules.Name(body.Kind))} of {body.Group}";
        var page = new StringBuilder();
        page.Append("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">")
            .Append("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">")
            .Append($"<title>{E(title)}</title><style>{Style}</style></head><body>")
            .Append($"<h1>{E(title)} <span class=\"badge {Colour(body.Outcome)}\">{E(Words(body.Outcome))}</span></h1>")
            .Append($"<p class=\"sub\">Run {body.Run} at site {E(body.Site)}, {Time(body.StartedAt)} to ")
            .Append($"{Time(body.FinishedAt)}{E(People(body))}</p>");
        if (body.Detail is { } detail) page.Append($"<p><strong>{E(body.Reason.ToString())}:</strong> {E(detail)}</p>");
        Cards(page, body);
        Warnings(page, body);
        Steps(page, body);
        Resyncs(page, body);
        Foot(page, report, body);
        return page.Append("</body></html>\n").ToString();
    }

    private static string People(ReportBody body) =>
        (body.RequestedBy is { } by ? $"; asked for by {by}" : "")
        + (body.ApprovedBy is { } other ? $", approved by {other} at {Time(body.ApprovedAt!.Value)}" : "");

    private static void Cards(StringBuilder page, ReportBody body)
    {
        page.Append("<div class=\"cards\">");
        Card(page, "Recovery point", body.Point is { } p ? Time(p.CutAt) : "none",
            body.Point is { } q ? $"{Words(q.Consistency)}, sequence {q.Sequence}" : "");
        if (body.Point is not null)
        {
            Card(page, "RPO reached", Span(body.Rpo.Reached),
                $"target {Span(body.Rpo.Target)}, {(body.Rpo.Met ? "met" : "missed")}; at most {Span(body.Rpo.Bound)}");
        }
        if (body.Rto.Reached is not null || !body.Rto.Met)
        {
            Card(page, "RTO reached", Span(body.Rto.Reached), $"target {Span(body.Rto.Target)}, "
                + $"{(body.Rto.Met ? "met" : "missed")}; predicted {Span(body.Rto.Predicted)}");
        }
        Card(page, "Primary site", body.PrimaryAfter,
            body.PrimaryAfter == body.PrimaryBefore ? "unchanged" : $"before: {body.PrimaryBefore}");
        Card(page, "Requests to the other site", body.PeerRequests.ToString(CultureInfo.InvariantCulture),
            "while the run was under way");
        page.Append($"</div><p>{E(body.Rpo.Explanation)}</p>");
    }

    private static void Card(StringBuilder page, string name, string value, string note) =>
        page.Append($"<div class=\"card\"><span>{E(name)}</span><b>{E(value)}</b><span>{E(note)}</span></div>");

    private static void Warnings(StringBuilder page, ReportBody body)
    {
        if (body.Warnings.Count == 0) return;
        page.Append("<h2>Warnings</h2><ul>");
        foreach (var warning in body.Warnings) page.Append($"<li>{E(warning)}</li>");
        page.Append("</ul>");
    }

    private static void Steps(StringBuilder page, ReportBody body)
    {
        page.Append("<h2>Steps</h2><table><tr><th>#</th><th>Step</th><th>Outcome</th><th>Took</th>")
            .Append("<th>Predicted</th><th>Evidence</th></tr>");
        foreach (var step in body.Steps)
        {
            page.Append($"<tr><td>{step.Index + 1}</td><td>{E(step.Title)}<br><small>{E(step.Name)}")
                .Append(step.StartedAt is { } at ? $", {at:HH:mm:ss.f}" : "")
                .Append(step.Attempts > 1 ? $", {step.Attempts} attempts" : "")
                .Append($"</small></td><td>{E(Words(step.State))}</td><td class=\"n\">{E(Span(step.Duration))}</td>")
                .Append($"<td class=\"n\">{E(Span(step.Predicted))}</td><td>")
                .AppendJoin("<br>", step.Evidence.Select(E)).Append("</td></tr>");
        }
        page.Append("</table>");
    }

    private static void Resyncs(StringBuilder page, ReportBody body)
    {
        if (body.Resyncs.Count == 0) return;
        page.Append("<h2>Resync</h2><table><tr><th>From</th><th>To</th><th>By</th>")
            .Append("<th>Moved</th><th>Examined</th></tr>");
        foreach (var r in body.Resyncs)
        {
            page.Append($"<tr><td>{E(r.From)}</td><td>{E(r.To)}</td><td>{E(Words(r.Kind))}</td>")
                .Append($"<td class=\"n\">{r.MovedBytes:N0} B</td><td class=\"n\">{r.ExaminedBytes:N0} B</td></tr>");
        }
        page.Append("</table>");
    }

    private static void Foot(StringBuilder page, RunReport report, ReportBody body) => page
        .Append("<h2>Proof of origin</h2><p><small>")
        .Append($"{E(string.Join(", ", body.Versions))}<br>SHA-256 <code>{E(report.Digest)}</code><br>")
        .Append($"ECDSA P-256 by the controller of site {E(body.Site)}: <code>{E(report.Signature)}</code><br>")
        .Append("Both are over the body of the JSON report beside this page.</small></p>");

    private static string Colour(RunState state) => state switch
    {
        RunState.Succeeded => "ok",
        RunState.Failed or RunState.RolledBack => "bad",
        RunState.SucceededWithWarnings or RunState.Cancelled or RunState.Pending or RunState.Running
            or RunState.WaitingApproval => "warn",
    };

    private static string Span(TimeSpan? span) => span switch
    {
        null => "–",
        { TotalSeconds: < 1 } s => $"{s.TotalMilliseconds:0} ms",
        { TotalMinutes: < 2 } s => $"{s.TotalSeconds:0.0} s",
        { } s => $"{(long)s.TotalMinutes} min {s.Seconds} s",
    };

    private static string Time(DateTimeOffset at) =>
        at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.f 'UTC'", CultureInfo.InvariantCulture);

    private static string Words<T>(T value) where T : struct, Enum =>
        System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString()).Replace('-', ' ');

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];

    private static string E(string text) => WebUtility.HtmlEncode(text);
}
