// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lifeboat.Protection.Policies;

/// <summary>Retention as its rules are written; a plain span, as stored before, keeps all that long.</summary>
internal sealed class RetentionConverter : JsonConverter<Retention>
{
    public override Retention Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var text = reader.GetString() ?? "";
        var (retention, problems) = Retention.Parse(text);
        return retention ?? throw new JsonException(string.Join("; ", problems));
    }

    public override void Write(Utf8JsonWriter writer, Retention value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.ToString());
}
