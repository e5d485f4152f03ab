// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Serialization;
using Lifeboat.Protection;

namespace Lifeboat.Contracts;

/// <summary>How everything that crosses a process boundary is written: camelCase, enums in kebab-case, no
/// nulls.</summary>
public static class ContractJson
{
    public static readonly JsonSerializerOptions Options = Create(indented: false);
    /// <summary>For answers: a newer version may say more than this one knows, a fault only in requests.</summary>
    public static readonly JsonSerializerOptions Answers = new(Options)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
    };

    public static readonly JsonSerializerOptions Indented = Create(indented: true);

    public static void Configure(JsonSerializerOptions options)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.CamelCase;
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower));
        options.Converters.Add(new EpochConverter());
    }

    private static JsonSerializerOptions Create(bool indented)
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web) { WriteIndented = indented };
        Configure(options);
        return options;
    }

    private sealed class EpochConverter : JsonConverter<Epoch>
    {
        public override Epoch Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            new(reader.GetInt64());

        public override void Write(Utf8JsonWriter writer, Epoch value, JsonSerializerOptions options) =>
            writer.WriteNumberValue(value.Value);
    }
}
