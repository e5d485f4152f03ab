// SPDX-License-Identifier: Apache-2.0
using System.Data;
using System.Data.Common;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Storage.Care;

/// <summary>Writes a database as one moment shows it; controllers may go on meanwhile.</summary>
internal sealed class BackupWriter : IDisposable
{
    private readonly GZipStream _gzip;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _rows;

    private BackupWriter(Stream file) => _gzip = new GZipStream(file, CompressionLevel.Fastest, leaveOpen: true);

    /// <returns>Rows written.</returns>
    /// <exception cref="ProblemException">Conflict: a newer version's database, or one that is not set up.</exception>
    public static long Write(ControllerDatabase database, Stream file, string site, DateTimeOffset now)
    {
        using var connection = database.Open();
        using var moment = database.BeginReading(connection);
        var schema = database.SchemaVersion(connection, moment);
        Migration.ThrowIfNewer(database, schema);
        if (schema == 0)
            throw new ProblemException(ReasonCode.Conflict, $"there is nothing in {database.Place} yet",
                "Its controller makes the tables when it starts.");
        using var writer = new BackupWriter(file);
        writer.Line(JsonSerializer.SerializeToUtf8Bytes(
            new BackupHeader(BackupFormat.Name, schema, site, now, database.Engine), ContractJson.Options));
        foreach (var table in database.Tables(connection, moment).Where(t => !BackupFormat.Passing.Contains(t)))
            writer.Table(connection, moment, table);
        writer.End();
        return writer._rows;
    }

    public void Dispose()
    {
        _gzip.Dispose();
        _hash.Dispose();
    }

    private void Table(DbConnection connection, DbTransaction moment, string table)
    {
        using var reader = connection.ExecuteReader($"SELECT * FROM {table}", transaction: moment);
        while (reader.Read())
        {
            Line(Row(reader, table));
            _rows++;
        }
    }

    private void End()
    {
        var end = new BackupEnd(_rows, Convert.ToHexStringLower(_hash.GetHashAndReset()));
        Line(JsonSerializer.SerializeToUtf8Bytes(end, ContractJson.Options));
    }

    private static byte[] Row(IDataReader reader, string table)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString("table", table);
            json.WriteStartObject("row");
            for (var i = 0; i < reader.FieldCount; i++) Value(json, reader.GetName(i), reader.GetValue(i));
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return bytes.ToArray();
    }

    private static void Value(Utf8JsonWriter json, string name, object value)
    {
        switch (value)
        {
            case DBNull: json.WriteNull(name); break;
            case string text: json.WriteString(name, text); break;
            case long number: json.WriteNumber(name, number); break;
            case double number:
                json.WriteStartObject(name);
                json.WriteNumber("real", number);
                json.WriteEndObject();
                break;
            case byte[] bytes:
                json.WriteStartObject(name);
                json.WriteBase64String("bytes", bytes);
                json.WriteEndObject();
                break;
            default: throw new InvalidOperationException($"column {name} is a {value.GetType().Name}");
        }
    }

    private void Line(ReadOnlySpan<byte> line)
    {
        _gzip.Write(line);
        _gzip.Write("\n"u8);
        _hash.AppendData(line);
        _hash.AppendData("\n"u8);
    }
}
