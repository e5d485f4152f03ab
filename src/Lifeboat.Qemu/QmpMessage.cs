// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;

namespace Lifeboat.Qemu;

/// <summary>
/// Where the parts of one message stand in its line. Nothing is copied: an answer about hundreds of disks is long, and
/// is asked for again and again.
/// </summary>
internal readonly ref struct QmpMessage
{
    public string? Event { get; private init; }
    /// <summary>Empty when there is none; so the others.</summary>
    public ReadOnlySpan<byte> Data { get; private init; }
    public ReadOnlySpan<byte> Return { get; private init; }
    public ReadOnlySpan<byte> Error { get; private init; }
    /// <summary>Null: of no command of ours.</summary>
    public long? Id { get; private init; }

    /// <exception cref="QmpException">Protocol: it is not a JSON object.</exception>
    public static QmpMessage Read(ReadOnlySpan<byte> line)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
                throw new QmpException(QmpFault.Protocol, "a message is not a JSON object");
            var message = new QmpMessage();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                message = message.WithNext(ref reader, line);
            reader.Read(); // throws when something stands behind the object
            return message;
        }
        catch (JsonException e)
        {
            throw new QmpException(QmpFault.Protocol, $"a line is not JSON: {e.Message}", e);
        }
    }

    private QmpMessage WithNext(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> line)
    {
        if (reader.ValueTextEquals("return"u8)) return this with { Return = ValueOf(ref reader, line) };
        if (reader.ValueTextEquals("error"u8)) return this with { Error = ValueOf(ref reader, line) };
        if (reader.ValueTextEquals("data"u8)) return this with { Data = ValueOf(ref reader, line) };
        var (isEvent, isId) = (reader.ValueTextEquals("event"u8), reader.ValueTextEquals("id"u8));
        reader.Read();
        if (isEvent && reader.TokenType == JsonTokenType.String) return this with { Event = reader.GetString() };
        if (isId && reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var id))
            return this with { Id = id };
        reader.Skip();
        return this;
    }

    private static ReadOnlySpan<byte> ValueOf(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> line)
    {
        reader.Read();
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return line[start..(int)reader.BytesConsumed];
    }
}
