// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.Json;
using Lifeboat.Protection.Links;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Controller.Declarations;

/// <summary>
/// The fields of policies as documents write them: durations as `15m`, sizes as `128MiB`, rates as `200Mbit`,
/// everything else as the API has it. By the fields' types, so that one which is added is understood at once.
/// </summary>
internal static class PolicyText
{
    private const string Rpo = "rpoTarget", Windows = "shipWindows", None = "none";
    private static readonly string[] Sizes = ["outboxBytes", "outboxLogBytes"], Rates = ["shipBytesPerSecond"];

    /// <summary>The fields that are given, all of one mapping.</summary>
    public static IReadOnlyDictionary<string, object?> Read(FieldReader fields)
    {
        var given = new SortedDictionary<string, object?>(StringComparer.Ordinal);
        foreach (var field in PolicyFields.Names)
        {
            if (!fields.Has(field)) continue;
            var (value, problem) = field == Windows ? (string.Join("; ", fields.Texts(field)), null)
                : Parse(field, fields.Node(field));
            if (problem is null) given[field] = value;
            else fields.Fault(field, problem);
        }
        return given;
    }

    /// <summary>The defaults but for what is given.</summary>
    public static Policy Build(IReadOnlyDictionary<string, object?> given)
    {
        var policy = With(Policy.Default, given);
        // The default target is one of captured writes; two periods are what moments can keep to.
        return policy.Source == ChangeSource.Continuous || given.ContainsKey(Rpo) ? policy
            : policy with { RpoTarget = 2 * policy.SourcePeriod };
    }

    public static Policy With(Policy policy, IReadOnlyDictionary<string, object?> given) =>
        given.Aggregate(policy, (p, g) => PolicyFields.With(p, g.Key, g.Value));

    /// <summary>The fields that have to be given for <see cref="Build"/> to make it.</summary>
    public static IReadOnlyDictionary<string, object?> Given(Policy policy)
    {
        var given = Of(policy, PolicyFields.Differing(policy, Policy.Default));
        return PolicyFields.Differing(Build(given), policy) is { Count: > 0 } left
            ? Of(policy, [.. given.Keys.Union(left)]) : given;
    }

    public static IReadOnlyDictionary<string, object?> Of(Policy policy, IEnumerable<string> fields) =>
        new SortedDictionary<string, object?>(fields.ToDictionary(f => f, f => PolicyFields.Of(policy, f)),
            StringComparer.Ordinal);

    /// <summary>As a document writes it; it reads to the same value again.</summary>
    public static string Text(string field, object? value) => value switch
    {
        null => None,
        TimeSpan span => Span.Text(span),
        long bytes when Sizes.Contains(field) => DataSize.Text(bytes),
        long rate when Rates.Contains(field) => RateText(rate),
        Enum one => JsonNamingPolicy.KebabCaseLower.ConvertName(one.ToString()),
        bool flag => flag ? "true" : "false",
        string text when field == Windows => text,
        var other => Convert.ToString(other, CultureInfo.InvariantCulture) ?? "",
    };

    private static (object? Value, string? Problem) Parse(string field, DeclaredNode? node)
    {
        var declared = PolicyFields.TypeOf(field);
        var type = Nullable.GetUnderlyingType(declared) ?? declared;
        var mayBeNone = Nullable.GetUnderlyingType(declared) is not null
            || type == typeof(string) && PolicyFields.Of(Policy.Default, field) is null;
        if (node is null || mayBeNone && node is { Kind: NodeKind.Text, Text: None })
            return mayBeNone ? (null, null) : (null, $"must be {Rule(field, type)}, not nothing");
        if (node.Kind is not NodeKind.Text) return (null, $"must be {Rule(field, type)}, not {node.Said}");
        if (type == typeof(Retention))
        {
            var (retention, problems) = Retention.Parse(node.Text);
            return (retention, retention is null ? string.Join("; ", problems) : null);
        }
        return Value(field, type, node.Text) is { } value ? (value, null)
            : (null, $"must be {Rule(field, type)}, not {node.Said}");
    }

    private static object? Value(string field, Type type, string text) => type switch
    {
        _ when type == typeof(string) => text,
        _ when type == typeof(TimeSpan) => Span.Parse(text),
        _ when Sizes.Contains(field) => DataSize.Parse(text),
        _ when Rates.Contains(field) => DataRate.TryParse(text, out var rate) ? rate : Number(text),
        _ when type == typeof(long) => Number(text),
        _ when type == typeof(int) => Number(text) is { } n and <= int.MaxValue ? (int)n : null,
        _ when type == typeof(bool) => text switch { "true" => true, "false" => false, _ => null },
        { IsEnum: true } => Enum.GetValues(type).Cast<object>().FirstOrDefault(v =>
            JsonNamingPolicy.KebabCaseLower.ConvertName(v.ToString()!) == text),
        _ => throw new InvalidOperationException($"nobody said how a document writes policy.{field}, a {type.Name}"),
    };

    private static string Rule(string field, Type type) => type switch
    {
        _ when type == typeof(TimeSpan) => "a duration such as 500ms, 15s, 2m, 4h or 7d",
        _ when Sizes.Contains(field) => DataSize.Rule,
        _ when Rates.Contains(field) => "a rate such as 200Mbit or 20MB, or a number of bytes a second",
        _ when type == typeof(bool) => "true or false",
        _ when type == typeof(string) || type == typeof(Retention) => "text",
        { IsEnum: true } => "one of " + string.Join(", ", Enum.GetNames(type)
            .Select(JsonNamingPolicy.KebabCaseLower.ConvertName)),
        _ => "a whole number",
    };

    private static string RateText(long rate)
    {
        var text = DataRate.Text(rate);
        return DataRate.TryParse(text, out var same) && same == rate ? text
            : rate.ToString(CultureInfo.InvariantCulture);
    }

    private static long? Number(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
