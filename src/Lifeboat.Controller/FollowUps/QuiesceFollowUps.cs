// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.FollowUps;

/// <summary>
/// Opens a follow-up for every group whose last quiesce was not what its policy asks for. What the agents say last is
/// looked at, not told by them: a controller that was away finds it all the same.
/// </summary>
internal sealed partial class QuiesceFollowUps(FollowUpStore followUps, ILogger<QuiesceFollowUps> logger) : IWatcher
{
    public const string Kind = "quiesce-failed";

    public Task SeeAsync(Observation observation, CancellationToken ct)
    {
        var failed = observation.Groups.Select(g => (g.Definition.Name, Last: observation.SourceOf(g)?.LastQuiesce))
            .Where(g => g.Last is { Reason: not ReasonCode.None }).ToList();
        if (failed.Count == 0) return Task.CompletedTask;
        // A report stays the last one for long: one that was closed must not open again by itself.
        var known = followUps.LastOf(Kind);
        foreach (var (group, last) in failed)
            if (!known.TryGetValue(group, out var at)
                || last!.At.ToUnixTimeMilliseconds() > at.ToUnixTimeMilliseconds()) Note(group, last!);
        return Task.CompletedTask;
    }

    private void Note(string group, QuiesceReport last)
    {
        followUps.Note(Kind, group, last.At, last.Reason, last.Detail, last.PointId is null
            ? "No point was made. See to what the detail names, then `lifeboat point create --quiesce`."
            : "A point of a lower rung was made. See to what the detail names, then `point create --quiesce`.");
        LogOpened(group, last.Reason, last.Detail);
    }

    [LoggerMessage(EventIds.FollowUpNoted, LogLevel.Warning,
        "The quiesce of {Group} needs somebody to look at it: {Reason}: {Detail}")]
    private partial void LogOpened(string group, ReasonCode reason, string? detail);
}
