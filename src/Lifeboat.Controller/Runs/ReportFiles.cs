// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Identity;
using Lifeboat.Protection;
using Lifeboat.Recovery.Reports;
using Lifeboat.Recovery.Runs;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Runs;

/// <summary>Reports as files: `reports/RUN.json` (signed) and `reports/RUN.html` (for people).</summary>
internal sealed partial class ReportFiles(SitePaths paths, SiteIdentity identity, ILogger<ReportFiles> logger)
{
    /// <summary>The report of a finished run, written when it is not there yet.</summary>
    public async Task<RunReport> OfAsync(Run run, CancellationToken ct)
    {
        if (!run.Finished)
            throw new ProblemException(ReasonCode.WrongState, $"run {run.Id} is not over yet: it has no report");
        var file = Json(run.Id);
        if (File.Exists(file) && await ReadAsync(file, ct) is { } written
            && written.Read().FinishedAt == run.FinishedAt) return written;
        var report = ReportSeal.Sign(RunReports.Of(run), identity.Controller);
        Directory.CreateDirectory(paths.Reports);
        PrivateFile.Write(Html(run.Id), ReportHtml.Render(report));
        PrivateFile.Write(file, JsonSerializer.Serialize(report, ContractJson.Indented));
        LogReportWritten(run.Id, file);
        return report;
    }

    private string Json(Guid run) => Path.Combine(paths.Reports, $"{run}.json");
    private string Html(Guid run) => Path.Combine(paths.Reports, $"{run}.html");

    private static async Task<RunReport?> ReadAsync(string file, CancellationToken ct)
    {
        await using var stream = File.OpenRead(file);
        return await JsonSerializer.DeserializeAsync<RunReport>(stream, ContractJson.Options, ct);
    }

    [LoggerMessage(EventIds.ReportWritten, LogLevel.Information, "Report of run {Run} was written to {File}")]
    private partial void LogReportWritten(Guid run, string file);
}
