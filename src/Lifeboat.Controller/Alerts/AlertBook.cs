// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Alerts;

// Raises and closes alerts.
//
//   condition seen ──(patience)──► OPEN ──(not seen: linger)──► closed by `rule`
//                                   │ closed by hand
//                                   ▼
//                                 QUIET: still holds, says nothing ──(not seen: linger)──► over; may be raised anew
internal sealed partial class AlertBook(AlertStore store, AlertDeliveries deliveries, AuditLog events,
    IEnumerable<IRaisesAlerts> further, TimeProvider time, ILogger<AlertBook> logger) : IWatcher
{
    public const string Rule = "rule";
    private static readonly TimeSpan SaveSeenEvery = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, DateTimeOffset> _pending = [];
    private readonly Dictionary<string, (DateTimeOffset Seen, TimeSpan Linger)> _seen = [];
    private Observation? _before;

    public Task SeeAsync(Observation observation, CancellationToken ct)
    {
        // What was pending when this controller watched last says nothing of now.
        if (observation.IsFirst)
        {
            lock (_gate)
            {
                _pending.Clear();
                _seen.Clear();
            }
            _before = null;
        }
        Apply([.. AlertRules.Of(observation, _before), .. further.SelectMany(f => f.Conditions(observation))],
            observation.Site, observation.At);
        _before = observation;
        return Task.CompletedTask;
    }

    public void Apply(IReadOnlyList<Condition> conditions, string site, DateTimeOffset now)
    {
        lock (_gate)
        {
            var live = store.Live();
            var changes = new List<(string Condition, Alert Alert)>();
            var said = new List<(string Happening, Alert Alert)>();
            foreach (var condition in conditions.DistinctBy(c => c.Key))
            {
                _seen[condition.Key] = (now, condition.Linger);
                if (live.TryGetValue(condition.Key, out var known)) Renew(known, condition, now, changes);
                else if (IsRipe(condition, now)) said.Add(("raised", Raise(condition, site, now, changes)));
            }
            foreach (var key in _pending.Keys.Except(conditions.Select(c => c.Key)).ToList()) _pending.Remove(key);
            foreach (var (key, alert) in live.Where(l => IsOver(l.Key, l.Value, now)))
            {
                var over = alert.ClosedAt is null
                    ? alert with { ClosedAt = now, ClosedBy = Rule } : alert with { Holds = false };
                changes.Add((key, over));
                _seen.Remove(key);
                if (alert.ClosedAt is null) said.Add(("closed", over));
            }
            Keep(changes, said, Rule, now);
        }
    }

    /// <exception cref="ProblemException">InvalidRequest: there is no such alert.</exception>
    public Alert Acknowledge(Guid id, string by)
    {
        lock (_gate)
        {
            var alert = Get(id);
            if (alert.AcknowledgedAt is not null || alert.ClosedAt is not null) return alert;
            alert = alert with { AcknowledgedAt = time.GetUtcNow(), AcknowledgedBy = by };
            store.Save([(KeyOf(id), alert)]);
            return alert;
        }
    }

    /// <summary>Closes it. While what it says still holds, it is not raised again.</summary>
    /// <exception cref="ProblemException">InvalidRequest: there is no such alert.</exception>
    public Alert Close(Guid id, string by)
    {
        lock (_gate)
        {
            var alert = Get(id);
            if (alert.ClosedAt is not null) return alert;
            var now = time.GetUtcNow();
            alert = alert with { ClosedAt = now, ClosedBy = by, Holds = true };
            Keep([(KeyOf(id), alert)], [("closed", alert)], by, now);
            return alert;
        }
    }

    private string KeyOf(Guid id) => store.Live().First(l => l.Value.Id == id).Key;

    private Alert Get(Guid id) => store.Find(id) ?? throw Unknown(id);

    public static ProblemException Unknown(Guid id) => new(ReasonCode.InvalidRequest,
        $"there is no alert {id} at this site", "`lifeboat alert list` shows those that are open.");

    private bool IsRipe(Condition condition, DateTimeOffset now)
    {
        _pending.TryAdd(condition.Key, now);
        return now - _pending[condition.Key] >= condition.Patience;
    }

    private Alert Raise(Condition condition, string site, DateTimeOffset now,
        List<(string Condition, Alert Alert)> changes)
    {
        _pending.Remove(condition.Key, out var since);
        var alert = new Alert
        {
            Id = Guid.CreateVersion7(now),
            Kind = condition.Kind,
            Severity = condition.Severity,
            Reason = condition.Reason,
            Site = site,
            Subject = condition.Subject,
            Group = condition.Group,
            Tenant = condition.Tenant,
            Summary = condition.Summary,
            Advice = condition.Advice,
            Since = since,
            LastSeen = now,
        };
        changes.Add((condition.Key, alert));
        return alert;
    }

    private static void Renew(Alert known, Condition condition, DateTimeOffset now,
        List<(string Condition, Alert Alert)> changes)
    {
        if (now - known.LastSeen < SaveSeenEvery && known.Severity == condition.Severity
            && known.Reason == condition.Reason) return;
        changes.Add((condition.Key, known with
        {
            LastSeen = now,
            Severity = condition.Severity,
            Reason = condition.Reason,
            Summary = condition.Summary,
            Advice = condition.Advice,
        }));
    }

    // After a restart nothing was seen yet: then the stored time, which is at most half a minute old, counts.
    private bool IsOver(string key, Alert alert, DateTimeOffset now)
    {
        var (seen, linger) = _seen.TryGetValue(key, out var known) ? known : (alert.LastSeen, SaveSeenEvery);
        return now > seen && now - seen >= linger;
    }

    // An alert and that it is to be told are kept together: killed in between, nobody would ever hear of it.
    private void Keep(IReadOnlyList<(string Condition, Alert Alert)> changes,
        IReadOnlyList<(string Happening, Alert Alert)> said, string by, DateTimeOffset now)
    {
        var messages = deliveries.Of(said, now);
        store.Save(changes, transaction => AlertDeliveries.Keep(messages, now, transaction));
        if (messages.Count > 0) deliveries.Wake();
        foreach (var (happening, alert) in said)
        {
            if (happening == "raised") LogRaised(alert.Kind, alert.Subject, alert.Reason, alert.Summary);
            else LogClosed(alert.Kind, alert.Subject, by);
        }
        events.Add([.. said.Select(s => new AuditEntry(now, by == Rule ? "site" : by, $"alert-{s.Happening}",
            $"{s.Alert.Kind} {s.Alert.Subject}", s.Alert.Reason.ToString()) { Detail = s.Alert.Summary })]);
    }

    [LoggerMessage(EventIds.AlertRaised, LogLevel.Warning, "Alert {Kind} of {Subject}: {Reason}: {Summary}")]
    private partial void LogRaised(AlertKind kind, string subject, ReasonCode reason, string summary);

    [LoggerMessage(EventIds.AlertClosed, LogLevel.Information, "Alert {Kind} of {Subject} was closed by {By}")]
    private partial void LogClosed(AlertKind kind, string subject, string by);
}
