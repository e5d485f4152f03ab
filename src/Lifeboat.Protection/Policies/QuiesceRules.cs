// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lifeboat.Protection.Policies;

/// <summary>
/// The quiesce rules of a group's instances, one each. Equal when they say the same: a policy that was read anew is no
/// other policy.
/// </summary>
[JsonConverter(typeof(QuiesceRulesConverter))]
public sealed class QuiesceRules : IEquatable<QuiesceRules>
{
    public static readonly QuiesceRules None = new([]);

    private readonly string _text;

    public QuiesceRules(IReadOnlyList<QuiesceRule> rules)
    {
        All = rules;
        _text = JsonSerializer.Serialize(rules.Select(r => r with
        {
            Steps = [.. r.Steps.Select(s => s with
            {
                Settings = new SortedDictionary<string, string>(s.Settings.ToDictionary(), StringComparer.Ordinal),
            })],
        }));
    }

    public IReadOnlyList<QuiesceRule> All { get; }

    /// <summary>The instance's rule, or the one that holds without any.</summary>
    public QuiesceRule Of(string instance) =>
        All.FirstOrDefault(r => r.Instance == instance) ?? QuiesceRule.Default(instance);

    /// <summary>These rules with others in the place of those of the same instances.</summary>
    public QuiesceRules With(IReadOnlyList<QuiesceRule> others) =>
        new([.. All.Where(r => others.All(o => o.Instance != r.Instance)), .. others]);

    /// <summary>Back to what holds without a rule.</summary>
    public QuiesceRules Without(IReadOnlyCollection<string> instances) =>
        new([.. All.Where(r => !instances.Contains(r.Instance))]);

    public IEnumerable<string> Problems()
    {
        foreach (var twice in All.GroupBy(r => r.Instance).Where(g => g.Count() > 1))
            yield return $"policy.quiesce has {twice.Count()} rules for {twice.Key}";
        if (All.Count > 256) yield return $"policy.quiesce has {All.Count} rules; 256 are the most";
        foreach (var problem in All.SelectMany(r => r.Problems())) yield return $"policy.quiesce: {problem}";
    }

    public bool Equals(QuiesceRules? other) => other is not null && _text == other._text;
    public override bool Equals(object? obj) => Equals(obj as QuiesceRules);
    public override int GetHashCode() => _text.GetHashCode(StringComparison.Ordinal);
    public override string ToString() => _text;
}

/// <summary>The rules as a list.</summary>
internal sealed class QuiesceRulesConverter : JsonConverter<QuiesceRules>
{
    public override QuiesceRules Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        new(JsonSerializer.Deserialize<IReadOnlyList<QuiesceRule>>(ref reader, options) ?? []);

    public override void Write(Utf8JsonWriter writer, QuiesceRules value, JsonSerializerOptions options) =>
        JsonSerializer.Serialize(writer, value.All, options);
}
