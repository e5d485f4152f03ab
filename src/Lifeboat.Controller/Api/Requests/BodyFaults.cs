// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Lifeboat.Contracts;

namespace Lifeboat.Controller.Api.Requests;

// Deserializing ends at the first fault. This walks the whole body beside the contract that it is to become, so that
// whoever sent it sees all at once: unknown fields, missing ones, nulls, values of another kind, a field twice.
// It asks the serializer's own metadata, and for single values the serializer itself, so it demands nothing else.

/// <summary>All that is wrong with a JSON body.</summary>
internal sealed class BodyFaults
{
    // Beyond that nobody reads on.
    private const int FaultsMax = 100;

    private readonly JsonSerializerOptions _options;
    private readonly List<ProblemFault> _faults = [];

    private BodyFaults(JsonSerializerOptions options) => _options = options;

    public static IReadOnlyList<ProblemFault> Of(JsonElement body, Type contract, JsonSerializerOptions options)
    {
        var faults = new BodyFaults(options);
        faults.Walk(body, contract, nullable: false, "#");
        return faults._faults;
    }

    private void Walk(JsonElement value, Type type, bool nullable, string place)
    {
        if (_faults.Count >= FaultsMax) return;
        if (value.ValueKind is JsonValueKind.Null)
        {
            if (!nullable && Nullable.GetUnderlyingType(type) is null) Add(place, "must not be null");
            return;
        }
        var info = _options.GetTypeInfo(Nullable.GetUnderlyingType(type) ?? type);
        switch (info.Kind)
        {
            case JsonTypeInfoKind.Object when value.ValueKind is JsonValueKind.Object:
                WalkObject(value, info, place);
                break;
            case JsonTypeInfoKind.Dictionary when value.ValueKind is JsonValueKind.Object:
                foreach (var entry in value.EnumerateObject())
                    Walk(entry.Value, info.ElementType!, nullable: false, Under(place, entry.Name));
                break;
            case JsonTypeInfoKind.Enumerable when value.ValueKind is JsonValueKind.Array:
                foreach (var (index, item) in value.EnumerateArray().Index())
                    Walk(item, info.ElementType!, nullable: false, $"{place}/{index}");
                break;
            case JsonTypeInfoKind.None:
                CheckValue(value, info, place);
                break;
            default:
                Add(place, $"must be {(info.Kind is JsonTypeInfoKind.Enumerable ? "a list" : "an object")}");
                break;
        }
    }

    private void WalkObject(JsonElement value, JsonTypeInfo info, string place)
    {
        // The serializer takes field names in any case (JsonSerializerDefaults.Web).
        var left = info.Properties.Where(JsonMembers.IsGiven)
            .ToDictionary(p => p.Name, StringComparer.OrdinalIgnoreCase);
        var known = left.Keys.ToHashSet(StringComparer.OrdinalIgnoreCase);
        foreach (var field in value.EnumerateObject())
        {
            var at = Under(place, field.Name);
            if (left.Remove(field.Name, out var member))
                Walk(field.Value, member.PropertyType, JsonMembers.IsNullable(member), at);
            else if (known.Contains(field.Name)) Add(at, "is there twice");
            else Add(at, known.Count == 0 ? "is unknown" : $"is unknown; there are: {Names(info)}");
        }
        foreach (var member in left.Values.Where(JsonMembers.IsRequired))
            Add(Under(place, member.Name), "is missing");
    }

    private void CheckValue(JsonElement value, JsonTypeInfo info, string place)
    {
        try
        {
            value.Deserialize(info);
        }
        catch (JsonException e)
        {
            Add(place, Demand(info.Type) ?? e.Message);
        }
    }

    private static string? Demand(Type type) => type switch
    {
        _ when type == typeof(string) => "must be text",
        _ when type == typeof(bool) => "must be true or false",
        _ when type == typeof(int) || type == typeof(long) || type == typeof(uint) => "must be a whole number",
        _ when type == typeof(double) || type == typeof(decimal) => "must be a number",
        _ when type == typeof(Guid) => "must be an id like 0198c1a4-5f10-7c3e-8d54-2f6a0b9c1d7e",
        _ when type == typeof(TimeSpan) => "must be a duration like 00:15:00 or 1.00:00:00",
        _ when type == typeof(DateTimeOffset) => "must be a time like 2026-01-31T12:00:00Z",
        { IsEnum: true } => "must be one of " + string.Join(", ", Enum.GetNames(type)
            .Select(JsonNamingPolicy.KebabCaseLower.ConvertName)),
        _ => null,
    };

    private static string Names(JsonTypeInfo info) => string.Join(", ",
        info.Properties.Where(JsonMembers.IsGiven).Select(p => p.Name).Order(StringComparer.Ordinal));

    // RFC 6901 §3: ~ and / in a name are written ~0 and ~1; §6: what a URI does not allow is percent-encoded.
    private static string Under(string place, string name) =>
        $"{place}/{Uri.EscapeDataString(name.Replace("~", "~0", StringComparison.Ordinal)
            .Replace("/", "~1", StringComparison.Ordinal))}";

    private void Add(string place, string detail) => _faults.Add(new ProblemFault(detail, place));
}
