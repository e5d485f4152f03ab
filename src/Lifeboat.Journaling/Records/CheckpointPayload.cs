// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Journaling.Records;

/// <summary>
/// Data of a checkpoint record: the recovery point as UTF-8 JSON. Written by hand, as journals outlive versions: it
/// may not change when a serializer's settings do. Unknown members are skipped when read.
/// </summary>
public static class CheckpointPayload
{
    public const int LengthMax = 64 << 10;

    public static byte[] Encode(RecoveryPoint point)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("id", point.Id);
            json.WriteNumber("sequence", point.Sequence);
            json.WriteNumber("epoch", point.Epoch.Value);
            json.WriteString("cutAt", point.CutAt.ToUniversalTime());
            json.WriteNumber("consistency", (byte)point.Consistency);
            if (point.Label is not null) json.WriteString("label", point.Label);
            if (point.Note is not null) json.WriteString("note", point.Note);
            json.WriteStartObject("quiesced");
            foreach (var (instance, reached) in point.Quiesced.OrderBy(q => q.Key, StringComparer.Ordinal))
                json.WriteNumber(instance, (byte)reached);
            json.WriteEndObject();
            if (point.Evidence is { Count: > 0 })
            {
                json.WriteStartObject("evidence");
                foreach (var (instance, text) in point.Evidence.OrderBy(e => e.Key, StringComparer.Ordinal))
                    json.WriteString(instance, text);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        return buffer.ToArray();
    }

    /// <summary>The point, as <see cref="PointState.Open"/>: the record cannot say whether it is sealed.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> payload, out RecoveryPoint? point)
    {
        point = null;
        if (payload.Length > LengthMax) return false;
        try
        {
            var reader = new Utf8JsonReader(payload);
            using var json = JsonDocument.ParseValue(ref reader);
            point = Read(json.RootElement);
            return true;
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException
            or KeyNotFoundException)
        {
            return false;
        }
    }

    private static RecoveryPoint Read(JsonElement json)
    {
        var quiesced = new SortedDictionary<string, Consistency>(StringComparer.Ordinal);
        foreach (var instance in json.GetProperty("quiesced").EnumerateObject())
            quiesced[instance.Name] = ReadConsistency(instance.Value);
        return new RecoveryPoint(
            json.GetProperty("id").GetGuid(),
            json.GetProperty("sequence").GetInt64(),
            new Epoch(json.GetProperty("epoch").GetInt64()),
            json.GetProperty("cutAt").GetDateTimeOffset(),
            ReadConsistency(json.GetProperty("consistency")),
            PointState.Open,
            json.TryGetProperty("label", out var label) ? label.GetString() : null,
            json.TryGetProperty("note", out var note) ? note.GetString() : null,
            quiesced)
        {
            Evidence = json.TryGetProperty("evidence", out var evidence)
                ? evidence.EnumerateObject().ToDictionary(e => e.Name, e => e.Value.GetString()!) : null,
        };
    }

    private static Consistency ReadConsistency(JsonElement json)
    {
        var value = (Consistency)json.GetByte();
        return Enum.IsDefined(value) ? value : throw new FormatException($"consistency {(byte)value}");
    }
}
