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

    /// <summary>
    /// Removes reports, written before this, of runs that are not kept any more. One that is newer may be of a run that
    /// a restored database does not know.
    /// </summary>
    /// <param name="missing">Those of some runs that are not kept.</param>
    /// <returns>How many files; fewer than <paramref name="most"/>: there are no more.</returns>
    public static int Prune(SitePaths paths, DateTimeOffset before, int most,
        Func<IReadOnlyCollection<Guid>, IReadOnlySet<Guid>> missing)
    {
        if (!Directory.Exists(paths.Reports)) return 0;
        var old = (from file in Directory.EnumerateFiles(paths.Reports)
                   where Path.GetExtension(file) is ".json" or ".html"
                       && File.GetLastWriteTimeUtc(file) < before.UtcDateTime
                       && Guid.TryParse(Path.GetFileNameWithoutExtension(file), out _)
                   select (File: file, Run: Guid.Parse(Path.GetFileNameWithoutExtension(file)))).ToList();
        var gone = missing([.. old.Select(f => f.Run).Distinct()]);
        var orphans = old.Where(f => gone.Contains(f.Run)).Take(most).ToList();
        foreach (var (file, _) in orphans) File.Delete(file);
        return orphans.Count;
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
