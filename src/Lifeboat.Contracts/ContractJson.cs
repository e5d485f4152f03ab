// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Lifeboat.Protection;
using Lifeboat.Protection.Links;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Contracts;

/// <summary>How everything that crosses a process boundary is written: camelCase, enums in kebab-case, no
/// nulls.</summary>
public static class ContractJson
{
    public static readonly JsonSerializerOptions Options = Create(indented: false);
    /// <summary>For answers: a newer version may say more than this one knows, a fault only in requests.</summary>
    public static readonly JsonSerializerOptions Answers = Tolerant(new JsonSerializerOptions(Options));

    public static readonly JsonSerializerOptions Indented = Create(indented: true);

    public static void Configure(JsonSerializerOptions options)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.CamelCase;
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { LeaveOutWhatSaysNothing } };
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower));
        options.Converters.Add(new EpochConverter());
    }

    /// <summary>
    /// As another version of Lifeboat is read, answers and requests alike: what it says more is passed over, so that
    /// controllers, agents and sites can be upgraded one after the other. What people write is read as strictly as
    /// <see cref="Options"/>.
    /// </summary>
    public static JsonSerializerOptions Tolerant(JsonSerializerOptions options)
    {
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip;
        return options;
    }

    // Releases up to 2026-11 refuse fields that they do not know. These came meanwhile and are in every policy and
    // every link: where they say nothing they are left out.
    private static void LeaveOutWhatSaysNothing(JsonTypeInfo type)
    {
        foreach (var member in type.Properties)
            if (member.PropertyType == typeof(QuiesceRules))
                member.ShouldSerialize = static (_, value) => value is QuiesceRules { All.Count: > 0 };
            else if (type.Type == typeof(LinkSettings) && member.PropertyType
                == typeof(IReadOnlyDictionary<string, string>))
                member.ShouldSerialize = static (_, value) =>
                    value is IReadOnlyDictionary<string, string> { Count: > 0 };
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
