// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using Lifeboat.Contracts.Api;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Storage;

// Every change that was asked for, and what came of it. Rows are a chain, so that who can write to the database but has
// not the site's key cannot change it unseen:
//
//   anchor (seal of the last row that was trimmed) ◄─ row ◄─ … ◄─ row = head (number and seal of the newest)
//
// Invariants: numbers have no gap. A row's seal covers the seal before it. Anchor and head are sealed themselves, and
// are written in the transaction of the row. What an old copy of the whole database hides is seen by who noted a head.
internal sealed partial class AuditLog(ControllerDatabase database, SecretStore secrets, ILogger<AuditLog> logger,
    int kept = 100_000)
{
    private const string KeyName = "audit-chain";
    private const int KeyBytes = 32, Tries = 50, Page = 1000;
    private static readonly byte[] Beginning = new byte[32];
    // A site that lost its key goes on, and verifying says so: what was sealed with it fits no longer.
    private readonly Lazy<byte[]> _key = new(() => secrets.FindOrAdd(KeyName,
        () => RandomNumberGenerator.GetBytes(KeyBytes), e => LogKeyLost(logger, e)));

    public void Add(DateTimeOffset at, string actor, string action, string subject, string outcome, string? detail) =>
        Add(new AuditEntry(at, actor, action, subject, outcome) { Detail = detail });

    /// <summary>Returns when it is durable.</summary>
    public void Add(AuditEntry entry) => Add([entry]);

    /// <summary>All of them or none; returns when they are durable.</summary>
    public void Add(IReadOnlyList<AuditEntry> entries)
    {
        if (entries.Count == 0) return;
        for (var tries = 1; !TryAdd(entries, last: tries == Tries); tries++)
        {
        }
    }

    /// <summary>Newest first.</summary>
    public IReadOnlyList<AuditEvent> Newest(int count) => List(null, null, count);

    /// <param name="before">Only rows with a lower number; null: from the newest.</param>
    /// <param name="tenant">Only of this tenant; null: all.</param>
    public IReadOnlyList<AuditEvent> List(long? before, string? tenant, int count)
    {
        using var connection = database.Open();
        return [.. connection.Query<AuditRow>($"""
            SELECT {Columns} FROM audit
            WHERE number < @before AND (@tenant IS NULL OR tenant = @tenant) ORDER BY number DESC LIMIT @count
            """, new { before = before ?? long.MaxValue, tenant, count }).Select(r => r.Event())];
    }

    /// <summary>Looks through all of it.</summary>
    /// <param name="noted">A head that was noted earlier, which must still be in it; null: none was.</param>
    public AuditVerdict Verify(string? noted)
    {
        using var connection = database.Open();
        var anchor = End(connection, null, "anchor");
        var head = End(connection, null, "head");
        var (number, seal) = (anchor?.Number ?? 0, anchor?.Seal ?? Beginning);
        var first = number + 1;
        AuditVerdict Broken(long at, string problem) => new(at - first, first, Text(number, seal), at, problem);
        if (anchor is not null && !IsSealed(anchor))
            return Broken(first, "what was trimmed is not what the site trimmed");
        var expected = ParseHead(noted);
        var found = expected is null || expected.Value.Number < number;
        while (true)
        {
            var rows = connection.Query<AuditRow>($"""
                SELECT {Columns} FROM audit WHERE number > @number ORDER BY number LIMIT {Page}
                """, new { number }).ToList();
            if (rows.Count == 0) break;
            foreach (var row in rows)
            {
                if (row.Number != number + 1) return Broken(number + 1, "the row is missing");
                if (!CryptographicOperations.FixedTimeEquals(row.Seal, row.SealAfter(seal, _key.Value)))
                    return Broken(row.Number, "the row, or its place, is not what was written");
                (number, seal) = (row.Number, row.Seal);
                found |= expected is { } e && e.Number == number && e.Seal == Convert.ToHexStringLower(seal);
            }
        }
        // Rows that came while this looked are behind the head that was read first.
        if (number > 0 && (head is null || !IsSealed(head) || head.Number > number))
            return Broken(number + 1, "rows at the end are missing");
        if (!found) return Broken(expected!.Value.Number, "the row that was noted is not in the log");
        return new AuditVerdict(number - first + 1, first, Text(number, seal), null, null);
    }

    /// <summary>Takes the rows of a version that kept no chain into it.</summary>
    /// <returns>How many.</returns>
    public int Adopt()
    {
        List<AuditRow> old;
        using (var connection = database.Open())
        {
            if (connection.ExecuteScalar<long>("SELECT count(*) FROM audit") > 0) return 0;
            old = [.. connection.Query<AuditRow>(
                "SELECT number, at, actor, action, subject, outcome, detail FROM events ORDER BY number")];
        }
        // All or none: what a controller that was killed in between had not taken would never be taken.
        Add([.. old.Select(row => new AuditEntry(DateTimeOffset.FromUnixTimeMilliseconds(row.At), row.Actor, row.Action,
            row.Subject, row.Outcome) { Detail = row.Detail })]);
        return old.Count;
    }

    private const string Columns = "number, at, actor, action, subject, outcome, detail, tenant, origin, request, "
        + "before_body AS Before, after_body AS After, seal";

    // Another controller of the site may be writing a row of the same number: one of them comes after the other.
    private bool TryAdd(IReadOnlyList<AuditEntry> entries, bool last)
    {
        // Made outside of the transaction when it is the first time: it is a write of its own.
        var key = _key.Value;
        using var connection = database.Open();
        using var transaction = connection.BeginTransaction();
        var head = End(connection, transaction, "head");
        var (before, number, seal) = (head?.Number ?? 0, head?.Number ?? 0, head?.Seal ?? Beginning);
        try
        {
            foreach (var entry in entries)
            {
                var row = AuditRow.Of(entry, ++number);
                seal = row.SealAfter(seal, key);
                Insert(row, seal, transaction);
            }
            SaveEnd(connection, transaction, "head", number, seal);
            var step = Math.Max(1, kept / 100);
            if (number / step > before / step) Trim(connection, transaction, number - kept);
            transaction.Commit();
            return true;
        }
        catch (DbException) when (!last && IsTaken(before + 1))
        {
            return false;
        }
    }

    private static void Insert(AuditRow row, byte[] seal, DbTransaction transaction) =>
        transaction.Connection!.Execute("""
            INSERT INTO audit(number, at, actor, action, subject, outcome, detail, tenant, origin, request,
                before_body, after_body, seal)
            VALUES(@Number, @At, @Actor, @Action, @Subject, @Outcome, @Detail, @Tenant, @Origin, @Request,
                @Before, @After, @seal)
            """, new
        {
            row.Number, row.At, row.Actor, row.Action, row.Subject, row.Outcome, row.Detail, row.Tenant, row.Origin,
            row.Request, row.Before, row.After, seal,
        }, transaction);

    private bool IsTaken(long number)
    {
        using var connection = database.Open();
        return connection.ExecuteScalar<long>("SELECT count(*) FROM audit WHERE number = @number", new { number }) > 0;
    }

    private void Trim(DbConnection connection, DbTransaction transaction, long last)
    {
        if (connection.QuerySingleOrDefault<byte[]>("SELECT seal FROM audit WHERE number = @last", new { last },
            transaction) is not { } seal) return;
        SaveEnd(connection, transaction, "anchor", last, seal);
        connection.Execute("DELETE FROM audit WHERE number <= @last", new { last }, transaction);
    }

    private static EndRow? End(DbConnection connection, DbTransaction? transaction, string which) =>
        connection.QuerySingleOrDefault<EndRow>(
            "SELECT which, number, seal, proof FROM audit_ends WHERE which = @which", new { which }, transaction);

    private void SaveEnd(DbConnection connection, DbTransaction transaction, string which, long number, byte[] seal) =>
        connection.Execute("""
            INSERT INTO audit_ends(which, number, seal, proof) VALUES(@which, @number, @seal, @proof)
            ON CONFLICT(which) DO UPDATE SET number = excluded.number, seal = excluded.seal, proof = excluded.proof
            """, new { which, number, seal, proof = Proof(which, number, seal) }, transaction);

    private byte[] Proof(string which, long number, byte[] seal) =>
        HMACSHA256.HashData(_key.Value, Encoding.UTF8.GetBytes($"{which} {Text(number, seal)}"));

    private bool IsSealed(EndRow end) =>
        CryptographicOperations.FixedTimeEquals(end.Proof, Proof(end.Which, end.Number, end.Seal));

    private static string Text(long number, byte[] seal) => $"{number}:{Convert.ToHexStringLower(seal)}";

    private static (long Number, string Seal)? ParseHead(string? noted) => noted?.Split(':') switch
    {
        null => null,
        [var number, { Length: 64 } seal] when long.TryParse(number, out var n) => (n, seal.ToLowerInvariant()),
        _ => throw new Contracts.ProblemException(Protection.ReasonCode.InvalidRequest, $"'{noted}' is no noted head",
            "It is NUMBER:SEAL, as an earlier `audit verify` printed it."),
    };

    [LoggerMessage(EventIds.AuditKeyLost, LogLevel.Critical,
        "The key of the audit log cannot be opened; rows from before do not verify any more")]
    private static partial void LogKeyLost(ILogger logger, Exception cause);

    private sealed class EndRow
    {
        public string Which { get; init; } = "";
        public long Number { get; init; }
        public byte[] Seal { get; init; } = [];
        public byte[] Proof { get; init; } = [];
    }
}
