// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class ReportGetCommand : LifeboatCommand
{
    private readonly Argument<string> _run = new("run") { Description = "Id of the run" };
    private readonly Option<FileInfo?> _html = new("--html")
    {
        Description = "Write the printable report to this file",
    };


    public ReportGetCommand() : base("report", "get", "Show the report of a finished run")
    {
        Add(_run);
        Add(_html);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var id = session.RunId(parsed.GetRequiredValue(_run));
        if (parsed.GetValue(_html) is { } file)
        {
            UserFile.MustBeWritable(_html.Name, file.FullName);
            await File.WriteAllTextAsync(file.FullName, await session.Controller.ReportHtmlAsync(id, ct), ct);
            session.Output.Talk($"written to {file.FullName}");
            return ExitCode.Ok;
        }
        var report = await session.Controller.ReportAsync(id, ct);
        var body = report.Read();
        session.Output.WriteFacts(report,
        [
            ("run", body.Run.ToString()), ("kind", Show.Name(body.Kind)), ("outcome", Show.Name(body.Outcome)),
            ("from site", body.PrimaryBefore), ("to site", body.PrimaryAfter),
            ("point", body.Point is { } p ? $"{p.Id}, {Show.Name(p.Consistency)}, {Show.Time(p.CutAt)}" : null),
            ("RPO", $"{body.Rpo.Explanation} ({Target(body.Rpo.Target, body.Rpo.Met)})"),
            ("RTO", body.Rto.Reached is { } rto
                ? $"{Show.Span(rto)} ({Target(body.Rto.Target, body.Rto.Met)})" : null),
            .. body.Resyncs.Select(r => ("resync", (string?)$"{r.From} to {r.To}: {Show.Name(r.Kind)}, moved "
                + $"{Show.Bytes(r.MovedBytes)} of {Show.Bytes(r.ExaminedBytes)} looked at")),
            .. body.Warnings.Select(w => ("warning", (string?)w)), ("digest", report.Digest),
        ]);
        return ExitCode.Ok;
    }

    private static string Target(TimeSpan target, bool met) =>
        $"target {Show.Span(target)}, {(met ? "met" : "missed")}";
}
