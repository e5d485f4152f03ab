// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Storage.Care;

// Fills a database from a backup, in one transaction:
//
//   (empty, or all in it is dropped) ─► schema as of the backup ─► its rows ─► whole? ─► schema forward ─► commit
//
// Whatever goes wrong before the commit, the database is as it was.
internal sealed class BackupReader(ControllerDatabase database, string site)
{
    /// <returns>Rows that were filled in.</returns>
    /// <exception cref="ProblemException">
    /// InvalidRequest: this is no whole backup of this site; Conflict: something is there and not to be replaced, or
    /// the backup is of a newer version.
    /// </exception>
    /// <param name="commit">Called when all is filled in and nothing is kept yet; what it throws undoes all.</param>
    public long Restore(Stream file, bool replace, Action? commit = null)
    {
        using var gzip = new GZipStream(file, CompressionMode.Decompress, leaveOpen: true);
        using var text = new StreamReader(gzip, new UTF8Encoding(false, throwOnInvalidBytes: true));
        try
        {
            return Restore(text, replace, commit);
        }
        catch (Exception e) when (e is InvalidDataException or JsonException or DecoderFallbackException
            or EndOfStreamException)
        {
            throw Bad(e.Message, e);
        }
    }

    private long Restore(StreamReader text, bool replace, Action? commit)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var header = Header(text, hash);
        using var connection = database.Open();
        using var change = database.BeginSchemaChange(connection);
        MakeRoom(connection, change, replace);
        for (var step = 0; step < header.Schema; step++)
            connection.Execute(database.TextOf(Schema.Steps[step]), transaction: change);
        var rows = Fill(text, hash, connection, change);
        for (var step = header.Schema; step < Schema.Steps.Count; step++)
            connection.Execute(database.TextOf(Schema.Steps[(int)step]), transaction: change);
        // What was edited after the backup has numbers that this site must not give again.
        connection.Execute("DELETE FROM facts WHERE name = @Fact", new { EditWriter.Fact }, change);
        database.SetSchemaVersion(connection, change, Schema.Steps.Count);
        database.ResumeNumbers(connection, change);
        commit?.Invoke();
        change.Commit();
        return rows;
    }

    private BackupHeader Header(StreamReader text, IncrementalHash hash)
    {
        var line = text.ReadLine() ?? throw Bad("it is empty", null);
        Add(hash, line);
        var header = JsonSerializer.Deserialize<BackupHeader>(line, ContractJson.Options);
        if (header?.Format != BackupFormat.Name) throw Bad($"its format is '{header?.Format}'", null);
        if (header.Site != site)
            throw new ProblemException(ReasonCode.InvalidRequest,
                $"this is a backup of site {header.Site}, the database is that of site {site}");
        if (header.Schema > Schema.Steps.Count)
            throw new ProblemException(ReasonCode.Conflict,
                $"the backup is of schema {header.Schema}, this version of Lifeboat knows up to {Schema.Steps.Count}",
                "Restore it with the version of Lifeboat that wrote it, or a newer one.");
        return header;
    }

    private void MakeRoom(DbConnection connection, DbTransaction change, bool replace)
    {
        var tables = database.Tables(connection, change);
        foreach (var table in tables)
        {
            // Whose it is says nothing of what is in it.
            if (replace || table == "facts" || BackupFormat.Passing.Contains(table)) continue;
            if (connection.ExecuteScalar<bool>($"SELECT EXISTS(SELECT 1 FROM {table})", transaction: change))
                throw new ProblemException(ReasonCode.Conflict, $"the database {database.Place} is not empty",
                    $"There is something in table {table}. Keep it with `lifeboat db backup`, then say --replace.");
        }
        foreach (var table in tables) connection.Execute($"DROP TABLE {table}", transaction: change);
    }

    private long Fill(StreamReader text, IncrementalHash hash, DbConnection connection, DbTransaction change)
    {
        var columns = database.Tables(connection, change)
            .ToDictionary(t => t, t => database.Columns(connection, change, t));
        for (long rows = 0; text.ReadLine() is { } line; rows++)
        {
            using var json = JsonDocument.Parse(line);
            if (!json.RootElement.TryGetProperty("table", out var table))
            {
                ThrowUnlessWhole(json.RootElement, rows, hash);
                return rows;
            }
            Add(hash, line);
            if (!columns.TryGetValue(table.GetString()!, out var known))
                throw Bad($"line {rows + 2} is of a table {table.GetString()}", null);
            Insert(connection, change, table.GetString()!, known, json.RootElement.GetProperty("row"));
        }
        throw Bad("its end is missing: it was cut off", null);
    }

    private static void Insert(DbConnection connection, DbTransaction change, string table,
        IReadOnlyList<string> known, JsonElement row)
    {
        var names = row.EnumerateObject().Select(p => p.Name).ToList();
        if (names.FirstOrDefault(n => !known.Contains(n)) is { } stranger)
            throw Bad($"table {table} has no column {stranger}", null);
        using var command = connection.CreateCommand();
        command.Transaction = change;
        command.CommandText = $"INSERT INTO {table}({string.Join(", ", names)}) "
            + $"VALUES({string.Join(", ", names.Select(n => "@" + n))})";
        foreach (var value in row.EnumerateObject())
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = (value.Name, Value(value.Value));
            command.Parameters.Add(parameter);
        }
        command.ExecuteNonQuery();
    }

    private static object Value(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => DBNull.Value,
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Number => value.GetInt64(),
        JsonValueKind.Object when value.TryGetProperty("bytes", out var bytes) => bytes.GetBytesFromBase64(),
        JsonValueKind.Object when value.TryGetProperty("real", out var real) => real.GetDouble(),
        _ => throw Bad($"a value is {value.ValueKind}", null),
    };

    private static void ThrowUnlessWhole(JsonElement last, long rows, IncrementalHash hash)
    {
        var end = last.Deserialize<BackupEnd>(ContractJson.Options);
        if (end?.Rows != rows) throw Bad($"it says {end?.Rows} rows and has {rows}", null);
        if (end.Sha256 != Convert.ToHexStringLower(hash.GetHashAndReset()))
            throw Bad("its checksum is wrong: it was changed or damaged", null);
    }

    private static void Add(IncrementalHash hash, string line) => hash.AppendData(Encoding.UTF8.GetBytes(line + "\n"));

    private static ProblemException Bad(string why, Exception? cause) => new(ReasonCode.InvalidRequest,
        "this is no whole backup; nothing was changed", why, cause: cause);
}
