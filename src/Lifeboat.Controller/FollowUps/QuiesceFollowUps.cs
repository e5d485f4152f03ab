// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Controller.Leases;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.FollowUps;

/// <summary>
/// Opens a follow-up for every group whose last quiesce was not what its policy asks for. What the agents say last is
/// looked at, not told by them: a controller that was away finds it all the same.
/// </summary>
internal sealed partial class QuiesceFollowUps(GroupStore groups, LocalSide here, FollowUpStore followUps,
    ILeases leases, TimeProvider time, ILogger<QuiesceFollowUps> logger) : BackgroundService
{
    public const string Kind = "quiesce-failed";
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Look, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                foreach (var group in groups.All().Where(r => !r.Removed).Select(r => r.Definition))
                    if (group.PrimarySite == here.Name && leases.TryHold(LeaseName.Group(group.Name)))
                        await LookAsync(group.Name, stoppingToken);
            }
            catch (Exception e) when (ControllerDatabase.IsUnavailable(e))
            {
                // Others say so; the reports are still there when it is back.
            }
        }
    }

    private async Task LookAsync(string group, CancellationToken ct)
    {
        try
        {
            if (await here.SourceAsync(group, ct) is { LastQuiesce: { Reason: not ReasonCode.None } last })
                Note(group, last);
        }
        catch (ProblemException)
        {
            // The agent is away: what it does not do is told elsewhere, and its next report is looked at.
        }
    }

    // A report stays the last one for long: one that was closed must not open again by itself.
    private void Note(string group, QuiesceReport last)
    {
        if (followUps.LastOf(Kind, group) is { } known
            && last.At.ToUnixTimeMilliseconds() <= known.ToUnixTimeMilliseconds()) return;
        followUps.Note(Kind, group, last.At, last.Reason, last.Detail, last.PointId is null
            ? "No point was made. See to what the detail names, then `lifeboat point create --quiesce`."
            : "A point of a lower rung was made. See to what the detail names, then `point create --quiesce`.");
        LogOpened(group, last.Reason, last.Detail);
    }

    [LoggerMessage(EventIds.FollowUpNoted, LogLevel.Warning,
        "The quiesce of {Group} needs somebody to look at it: {Reason}: {Detail}")]
    private partial void LogOpened(string group, ReasonCode reason, string? detail);
}
