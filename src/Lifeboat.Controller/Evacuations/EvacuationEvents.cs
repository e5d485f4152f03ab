// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Evacuations;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Evacuations;

/// <summary>Tells of evacuations in the event stream: at once, and once more with the next look what was
/// missed.</summary>
internal sealed partial class EvacuationEvents : IWatcher
{
    private static readonly TimeSpan EndedFor = TimeSpan.FromMinutes(1);

    private readonly SiteEvents _events;
    private readonly EvacuationStore _store;
    private readonly ILogger<EvacuationEvents> _logger;

    public EvacuationEvents(SiteEvents events, EvacuationStore store, Evacuator evacuator,
        ILogger<EvacuationEvents> logger)
    {
        (_events, _store, _logger) = (events, store, logger);
        evacuator.Changed = Publish;
    }

    public async Task SeeAsync(Observation observation, CancellationToken ct)
    {
        var recent = await _store.SinceAsync(observation.At - EndedFor, ct);
        _events.Tell([.. recent.SelectMany(Lines)]);
    }

    // It goes on although nobody can be told of it now; the next look tells.
    private void Publish(Evacuation evacuation)
    {
        try
        {
            _events.Tell([.. Lines(evacuation)]);
        }
        catch (Exception e) when (e is DbException or ProblemException { Reason: ReasonCode.DatabaseUnavailable })
        {
            LogNotTold(e, evacuation.Id);
        }
    }

    private static IEnumerable<SiteEventStore.Line> Lines(Evacuation evacuation)
    {
        var id = evacuation.Id.ToString();
        var turn = $"wave {evacuation.Wave} of {evacuation.Waves}, "
            + $"{evacuation.Groups.Count(g => g.State is EvacueeState.Moved)} of {evacuation.Groups.Count} moved";
        yield return new SiteEventStore.Line($"evacuation {id}", $"{evacuation.State} {evacuation.Wave}",
            new SiteEvent(0, evacuation.FinishedAt ?? Latest(evacuation), SiteEventKind.Evacuation, evacuation.Tenant,
                null, id, Shown(evacuation.State), ReasonCode.None,
                $"evacuation of {evacuation.From} to {evacuation.Site}: {Shown(evacuation.State)}, {turn}"));
        // What has not begun is no news.
        foreach (var group in evacuation.Groups.Where(g => g.State is not EvacueeState.Waiting))
            yield return new SiteEventStore.Line($"evacuation {id} {group.Group}", $"{group.State} {group.Reason}",
                new SiteEvent(0, group.FinishedAt ?? evacuation.FinishedAt ?? group.StartedAt ?? evacuation.CreatedAt,
                    SiteEventKind.Evacuation, null, group.Group, id, Shown(group.State), group.Reason,
                    $"wave {group.Wave}, {group.Group}: {group.Detail ?? Shown(group.State)}"));
    }

    private static DateTimeOffset Latest(Evacuation evacuation) =>
        evacuation.Groups.Select(g => g.FinishedAt ?? g.StartedAt).Max() ?? evacuation.CreatedAt;

    private static string Shown<T>(T value) where T : struct, Enum =>
        JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());

    [LoggerMessage(EventIds.EvacuationNotTold, LogLevel.Warning,
        "What evacuation {Evacuation} does could not be written to the event log")]
    private partial void LogNotTold(Exception cause, Guid evacuation);
}
