// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Controller.Leases;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Sites;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Projects;

/// <summary>Keeps what the projects of paired sites are like, for when those cannot be asked any more.</summary>
internal sealed partial class ProjectKeeper(ISite site, ProjectCatalog catalog, PeerTruce truce, ILeases leases,
    TimeProvider time, ILogger<ProjectKeeper> logger) : BackgroundService
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(5);

    private readonly Dictionary<string, long> _asked = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _said = new(StringComparer.Ordinal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (site is not IMakesProjects) return;
        using var timer = new PeriodicTimer(Look, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (Exception e) when (ControllerDatabase.IsUnavailable(e))
            {
                // Whoever needs it most says that it is away; the next look comes.
            }
            // The top of a loop: what left here would end the controller.
            catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
            {
                LogLookFailed(e);
            }
        }
    }

    private async Task LookAsync(CancellationToken ct)
    {
        if (!leases.TryHold(LeaseName.Site("projects"))) return;
        foreach (var left in catalog.Sites())
        {
            if (_asked.TryGetValue(left, out var last) && time.GetElapsedTime(last) < Every) continue;
            if (await truce.HoldsAsync(left, ct)) continue;
            _asked[left] = time.GetTimestamp();
            try
            {
                await catalog.RefreshAsync(left, ct);
                _said.Remove(left);
            }
            catch (ProblemException e)
            {
                Say(left, e);
            }
        }
    }

    // A site that is away is said by others, one of an earlier release knows no such question, and the same words are
    // not said again.
    private void Say(string left, ProblemException problem)
    {
        if (problem.Reason is ReasonCode.PeerUnreachable or ReasonCode.PathUnknown
            || _said.GetValueOrDefault(left) == problem.Message) return;
        _said[left] = problem.Message;
        LogNotTaken(left, problem.Reason, problem.Message);
    }

    [LoggerMessage(EventIds.ProjectNotTaken, LogLevel.Warning,
        "The description of the project of site {Site} could not be taken ({Reason}): {Message}; what is kept stays")]
    private partial void LogNotTaken(string site, ReasonCode reason, string message);

    [LoggerMessage(EventIds.ProjectLookFailed, LogLevel.Error, "Looking at the projects of other sites failed")]
    private partial void LogLookFailed(Exception cause);
}
