// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;

namespace Lifeboat.Controller.FollowUps;

/// <summary>What waits for somebody to look at it. An index keeps it to one open of a kind for a group.</summary>
internal sealed class FollowUpStore(ControllerDatabase database, TimeProvider time)
{
    private const int ClosedShown = 500;
    private const string Columns = """
        id AS Id, kind AS Kind, subject AS Subject, reason AS Reason, detail AS Detail, advice AS Advice,
        opened_at AS OpenedAt, last_at AS LastAt, times AS Times, closed_at AS ClosedAt, closing AS Closing
        """;

    /// <summary>Open ones, newest first; then the newest closed ones if they are wanted.</summary>
    public IReadOnlyList<FollowUp> All(bool closed)
    {
        using var connection = database.Open();
        var open = connection.Query<Row>(
            $"SELECT {Columns} FROM follow_ups WHERE closed_at IS NULL ORDER BY opened_at DESC");
        var shut = !closed ? [] : connection.Query<Row>($"SELECT {Columns} FROM follow_ups "
            + "WHERE closed_at IS NOT NULL ORDER BY closed_at DESC LIMIT @ClosedShown", new { ClosedShown });
        return [.. open.Concat(shut).Select(Read)];
    }

    /// <summary>Opens one, or counts it in the one that is open. The same moment again is not counted again.</summary>
    public void Note(string kind, string group, DateTimeOffset at, ReasonCode reason, string? detail, string advice)
    {
        using var connection = database.Open();
        connection.Execute("""
            INSERT INTO follow_ups(id, kind, subject, reason, detail, advice, opened_at, last_at, times)
            VALUES(@id, @kind, @group, @reason, @detail, @advice, @at, @at, 1)
            ON CONFLICT(kind, subject) WHERE closed_at IS NULL DO UPDATE SET reason = excluded.reason,
                detail = excluded.detail, advice = excluded.advice, last_at = excluded.last_at,
                times = follow_ups.times + 1
            WHERE excluded.last_at > follow_ups.last_at
            """, new
        {
            id = Guid.CreateVersion7(at).ToString(), kind, group, reason = (int)reason, detail, advice,
            at = at.ToUnixTimeMilliseconds(),
        });
    }

    /// <summary>When the newest of a kind, open or closed, last happened, by group.</summary>
    public IReadOnlyDictionary<string, DateTimeOffset> LastOf(string kind)
    {
        using var connection = database.Open();
        return connection.Query<(string Group, long At)>(
            "SELECT subject, max(last_at) FROM follow_ups WHERE kind = @kind GROUP BY subject", new { kind })
            .ToDictionary(r => r.Group, r => DateTimeOffset.FromUnixTimeMilliseconds(r.At), StringComparer.Ordinal);
    }

    /// <exception cref="ProblemException">FollowUpUnknown, InvalidRequest.</exception>
    public FollowUp Close(Guid id, string? why)
    {
        if (string.IsNullOrWhiteSpace(why) || why.Length > 500)
            throw new ProblemException(ReasonCode.InvalidRequest, "reason has 1 to 500 characters",
                "Say what was found, or why nothing has to be done.");
        using var connection = database.Open();
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        connection.Execute(
            "UPDATE follow_ups SET closed_at = @now, closing = @why WHERE id = @id AND closed_at IS NULL",
            new { id = id.ToString(), why, now });
        return Find(id) ?? throw Unknown(id);
    }

    /// <returns>Null: there is none.</returns>
    public FollowUp? Find(Guid id)
    {
        using var connection = database.Open();
        return connection.QuerySingleOrDefault<Row>($"SELECT {Columns} FROM follow_ups WHERE id = @id",
            new { id = id.ToString() }) is { } row ? Read(row) : null;
    }

    public static ProblemException Unknown(Guid id) => new(ReasonCode.FollowUpUnknown,
        $"there is no follow-up {id}", "`lifeboat followup list` shows them.");

    /// <summary>
    /// Removes those that were closed before this; the newest of a kind of each group stays, by which it is known what
    /// was noted already.
    /// </summary>
    /// <returns>How many; fewer than <paramref name="most"/>: there are no more.</returns>
    public int Prune(DateTimeOffset before, int most)
    {
        using var connection = database.Open();
        return connection.Execute("""
            DELETE FROM follow_ups WHERE id IN (SELECT f.id FROM follow_ups f WHERE f.closed_at < @at
                AND EXISTS(SELECT 1 FROM follow_ups n WHERE n.kind = f.kind AND n.subject = f.subject
                    AND (n.last_at > f.last_at OR n.last_at = f.last_at AND n.id > f.id))
                ORDER BY f.closed_at LIMIT @most)
            """, new { at = before.ToUnixTimeMilliseconds(), most });
    }

    private static FollowUp Read(Row row) => new(Guid.Parse(row.Id), row.Kind, row.Subject, (ReasonCode)row.Reason,
        row.Detail, row.Advice, At(row.OpenedAt), At(row.LastAt), row.Times,
        row.ClosedAt is { } closed ? At(closed) : null, row.Closing);

    private static DateTimeOffset At(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    private sealed class Row
    {
        public string Id { get; init; } = "";
        public string Kind { get; init; } = "";
        public string Subject { get; init; } = "";
        public long Reason { get; init; }
        public string? Detail { get; init; }
        public string Advice { get; init; } = "";
        public long OpenedAt { get; init; }
        public long LastAt { get; init; }
        public long Times { get; init; }
        public long? ClosedAt { get; init; }
        public string? Closing { get; init; }
    }
}
