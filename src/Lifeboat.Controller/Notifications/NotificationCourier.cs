// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.Leases;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Notifications;

/// <summary>
/// Takes site events to the broker, in their order, each at least once: what was published is written down behind it.
/// The log keeps what waits, so a broker that is away holds nothing up.
/// </summary>
internal sealed partial class NotificationCourier(SiteConfiguration site, SitePaths paths, SiteEventStore events,
    NotificationPosition position, ILeases leases, TimeProvider time, ILogger<NotificationCourier> logger)
    : Courier(leases, "notifications"), IRaisesAlerts
{
    private const int Batch = 200, LongestPauseSeconds = 60;
    private static readonly TimeSpan Behind = TimeSpan.FromMinutes(5);

    private readonly NotificationBroker? _broker = site.Notifications is { } settings
        ? new NotificationBroker(settings, paths, $"lifeboat.{site.Name}") : null;
    private volatile string? _error;
    private TimeSpan _pause = Look;

    protected override bool IsWanted => _broker is not null;

    private string Exchange => site.Notifications!.Exchange;

    /// <summary>Publishes what happened since, as far as the broker takes it.</summary>
    public override async Task RoundAsync(CancellationToken ct)
    {
        // What was before anybody wanted it is not told.
        if (position.Read() is not { } last) position.Write(last = events.Newest());
        try
        {
            var more = await PublishAsync(last, ct);
            if (_error is not null) LogReached(Exchange);
            (_error, _pause) = (null, more ? TimeSpan.Zero : Look);
        }
        catch (BrokerException e)
        {
            if (_error != e.Message) LogNotReached(Exchange, e.Message);
            _error = e.Message;
            _pause = TimeSpan.FromSeconds(Math.Clamp(_pause.TotalSeconds * 2, Look.TotalSeconds, LongestPauseSeconds));
        }
    }

    public IReadOnlyList<Condition> Conditions(Observation now)
    {
        if (!IsWanted || position.Read() is not { } last || events.After(last, 1) is not [var oldest]
            || now.At - oldest.At < Behind) return [];
        return
        [
            new Condition(AlertKind.NotificationsBehind, AlertSeverity.Warning, Exchange,
                ReasonCode.Timeout, string.Create(CultureInfo.InvariantCulture,
                    $"{events.Newest() - last} notifications wait, the oldest since {oldest.At:u}")
                    + (_error is { } error ? $": {error}" : ""),
                "They are kept with the site's events and published once the broker takes them; docs/operating/"
                + "notifications.md.")
            {
                Patience = TimeSpan.Zero,
            },
        ];
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (_broker is not null) await _broker.DisposeAsync();
    }

    protected override Task PauseAsync(CancellationToken ct) => Task.Delay(_pause, time, ct);

    protected override void LogFailed(Exception cause) => LogRoundFailed(cause);

    // Returns whether there is more: the lease is asked for in between.
    private async Task<bool> PublishAsync(long last, CancellationToken ct)
    {
        var news = events.After(last, Batch);
        if (news.Count == 0) return false;
        // Looked at behind them: what was removed before they were read is told before them.
        if (events.RemovedUpTo() is var removed && removed > last && news[0].Number > last + 1)
            await _broker!.PublishAsync(Of(Missed(last, Math.Min(removed, news[0].Number - 1))), ct);
        try
        {
            foreach (var happened in news)
            {
                await _broker!.PublishAsync(Of(happened), ct);
                last = happened.Number;
            }
        }
        finally
        {
            // Also what went before the one that did not.
            position.Write(last);
        }
        return news.Count == Batch;
    }

    private Notification Of(SiteEvent happened) => Notification.Of(happened, site.Name,
        tenant => site.Keystone?.Projects.FirstOrDefault(p => p.Value == tenant).Key);

    private SiteEvent Missed(long after, long removed) => new(removed, time.GetUtcNow(), SiteEventKind.Removed, null,
        null, string.Create(CultureInfo.InvariantCulture, $"{removed}"), "removed", ReasonCode.None,
        string.Create(CultureInfo.InvariantCulture,
            $"events {after + 1} to {removed} are no longer kept, or not all of them: look at everything anew"));

    [LoggerMessage(EventIds.BrokerNotReached, LogLevel.Warning,
        "Notifications for exchange {Exchange} wait, the broker does not take them: {Error}")]
    private partial void LogNotReached(string exchange, string error);

    [LoggerMessage(EventIds.BrokerReached, LogLevel.Information,
        "The broker takes notifications for exchange {Exchange} again")]
    private partial void LogReached(string exchange);

    [LoggerMessage(EventIds.NotificationRoundFailed, LogLevel.Error, "A round of publishing notifications failed")]
    private partial void LogRoundFailed(Exception cause);
}
