// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using Dapper;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Alerts;

/// <summary>What is to be told to whom: kept until it was told, or given up and shown as that.</summary>
internal sealed class AlertDeliveries(ControllerDatabase database) : IRaisesAlerts
{
    /// <summary>From one attempt to the next; then it is given up. Within an attempt it is tried three times.</summary>
    public static readonly IReadOnlyList<TimeSpan> Pauses =
    [
        TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30),
        TimeSpan.FromHours(2), TimeSpan.FromHours(6),
    ];

    private readonly SemaphoreSlim _news = new(0, 1);

    /// <summary>For every target that wants alerts of this severity.</summary>
    public void Add(string happening, Alert alert, DateTimeOffset now) => Add(Of([(happening, alert)], now), now);

    public Guid Add(string happening, Alert alert, string target, DateTimeOffset now)
    {
        var message = new AlertMessage(Guid.CreateVersion7(now), happening, alert);
        Add([(target, message)], now);
        return message.Delivery;
    }

    /// <summary>What is to be told, and to whom: to each target that wants alerts of this severity.</summary>
    public IReadOnlyList<(string Target, AlertMessage Message)> Of(
        IReadOnlyList<(string Happening, Alert Alert)> said, DateTimeOffset now)
    {
        if (said.Count == 0) return [];
        var targets = AlertTargetRows.All(database);
        return
        [
            .. from s in said
               from target in targets
               where s.Alert.Severity >= target.Settings.Least
               select (target.Name, new AlertMessage(Guid.CreateVersion7(now), s.Happening, s.Alert)),
        ];
    }

    /// <summary>Removes those from before this that were delivered or given up.</summary>
    /// <returns>How many; fewer than <paramref name="most"/>: there are no more.</returns>
    public int Prune(DateTimeOffset before, int most)
    {
        using var connection = database.Open();
        return connection.Execute("""
            DELETE FROM alert_deliveries WHERE id IN (SELECT id FROM alert_deliveries
                WHERE state <> @waiting AND created_at < @at ORDER BY created_at LIMIT @most)
            """, new { at = before.ToUnixTimeMilliseconds(), waiting = (int)DeliveryState.Waiting, most });
    }

    /// <summary>As a part of the change that it tells of; <see cref="Wake"/> follows.</summary>
    public static void Keep(IReadOnlyList<(string Target, AlertMessage Message)> messages, DateTimeOffset now,
        DbTransaction transaction)
    {
        if (messages.Count == 0) return;
        foreach (var (target, message) in messages)
        {
            var delivery = new AlertDelivery(message.Delivery, message.Alert.Id, target, message.Happening,
                DeliveryState.Waiting, 0, now, now, null);
            transaction.Connection!.Execute("""
                INSERT INTO alert_deliveries(id, target, state, created_at, next_at, body, message)
                VALUES(@Id, @target, @State, @Created, @Next, @Body, @Message)
                """, new
            {
                Id = $"{delivery.Id}",
                target,
                State = (int)delivery.State,
                Created = now.ToUnixTimeMilliseconds(),
                Next = now.ToUnixTimeMilliseconds(),
                Body = StoredJson.Write(delivery),
                Message = StoredJson.Write(message),
            }, transaction);
        }
    }

    /// <summary>There is something to be told.</summary>
    public void Wake()
    {
        try
        {
            _news.Release();
        }
        catch (SemaphoreFullException)
        {
            // It is known already.
        }
    }

    private void Add(IReadOnlyList<(string Target, AlertMessage Message)> messages, DateTimeOffset now)
    {
        using (var connection = database.Open())
        using (var transaction = connection.BeginTransaction())
        {
            Keep(messages, now, transaction);
            transaction.Commit();
        }
        Wake();
    }

    /// <summary>Until there may be something new, or until the time is up.</summary>
    public Task NewsAsync(TimeSpan most, CancellationToken ct) => _news.WaitAsync(most, ct);

    public IReadOnlyList<(AlertDelivery Delivery, AlertMessage Message)> Due(DateTimeOffset now)
    {
        using var connection = database.Open();
        // Of each target so many: one that is down has ever more that wait, and must not take the places of the others.
        return [.. connection.Query<Row>("""
            SELECT body, message FROM (SELECT body, message, created_at, id,
                ROW_NUMBER() OVER (PARTITION BY target ORDER BY created_at, id) AS place
                FROM alert_deliveries WHERE state = 1 AND next_at <= @now) due
            WHERE place <= 100 ORDER BY created_at, id
            """, new { now = now.ToUnixTimeMilliseconds() })
            .Select(r => (StoredJson.Read<AlertDelivery>(r.Body), StoredJson.Read<AlertMessage>(r.Message)))];
    }

    public void Save(AlertDelivery delivery)
    {
        using var connection = database.Open();
        connection.Execute("UPDATE alert_deliveries SET state = @State, next_at = @Next, body = @Body WHERE id = @Id",
            new
            {
                Id = $"{delivery.Id}",
                State = (int)delivery.State,
                Next = (delivery.NextAt ?? delivery.CreatedAt).ToUnixTimeMilliseconds(),
                Body = StoredJson.Write(delivery),
            });
    }

    /// <summary>Newest first.</summary>
    public IReadOnlyList<AlertDelivery> List(DeliveryState? state, int most)
    {
        using var connection = database.Open();
        return [.. connection.Query<string>("""
            SELECT body FROM alert_deliveries WHERE @state = 0 OR state = @state
            ORDER BY created_at DESC, id DESC LIMIT @most
            """, new { state = (int)(state ?? 0), most }).Select(StoredJson.Read<AlertDelivery>)];
    }

    public IReadOnlyDictionary<string, (int Waiting, int Dead)> Counts()
    {
        using var connection = database.Open();
        return connection.Query<Count>("""
            SELECT target AS Target, state AS State, count(*) AS Number FROM alert_deliveries WHERE state IN (1, 3)
            GROUP BY target, state
            """).GroupBy(c => c.Target).ToDictionary(g => g.Key, g => (
                (int)g.Where(c => c.State == (int)DeliveryState.Waiting).Sum(c => c.Number),
                (int)g.Where(c => c.State == (int)DeliveryState.Dead).Sum(c => c.Number)));
    }

    /// <summary>A target that alerts did not reach: worth one itself, for the other targets.</summary>
    public IReadOnlyList<Condition> Conditions(Observation now) =>
    [
        .. Counts().Where(c => c.Value.Dead > 0).Select(c => new Condition(AlertKind.DeliveryFailed,
            AlertSeverity.Warning, c.Key, ReasonCode.Timeout, $"{c.Value.Dead} alerts did not reach target {c.Key}",
            "`lifeboat alert deliveries --state dead` says why; `lifeboat alert target test` tries the way again. "
            + "Removing the target forgets them.")
        { Patience = TimeSpan.Zero }),
    ];

    public void Forget(string target)
    {
        using var connection = database.Open();
        connection.Execute("DELETE FROM alert_deliveries WHERE target = @target", new { target });
    }

    private sealed class Row
    {
        public string Body { get; init; } = "";
        public string Message { get; init; } = "";
    }

    private sealed class Count
    {
        public string Target { get; init; } = "";
        public long State { get; init; }
        public long Number { get; init; }
    }
}
