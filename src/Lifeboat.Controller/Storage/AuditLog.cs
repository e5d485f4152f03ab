// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Controller.Storage;

/// <summary>Every change that was asked for, and what came of it.</summary>
internal sealed class AuditLog(ControllerDatabase database)
{
    private const int Kept = 10_000;

    public void Add(DateTimeOffset at, string actor, string action, string subject, string outcome, string? detail)
    {
        using var connection = database.Open();
        connection.Execute("""
            INSERT INTO events(at, actor, action, subject, outcome, detail)
            VALUES(@at, @actor, @action, @subject, @outcome, @detail);
            DELETE FROM events WHERE number <= (SELECT max(number) FROM events) - @Kept;
            """, new { at = at.ToUnixTimeMilliseconds(), actor, action, subject, outcome, detail, Kept });
    }

    public IReadOnlyList<AuditEvent> Newest(int count)
    {
        using var connection = database.Open();
        return [.. connection.Query<Row>("SELECT * FROM events ORDER BY number DESC LIMIT @count", new { count })
            .Select(r => new AuditEvent(r.Number, DateTimeOffset.FromUnixTimeMilliseconds(r.At), r.Actor, r.Action,
                r.Subject, r.Outcome, r.Detail))];
    }

    private sealed class Row
    {
        public long Number { get; init; }
        public long At { get; init; }
        public string Actor { get; init; } = "";
        public string Action { get; init; } = "";
        public string Subject { get; init; } = "";
        public string Outcome { get; init; } = "";
        public string? Detail { get; init; }
    }
}
