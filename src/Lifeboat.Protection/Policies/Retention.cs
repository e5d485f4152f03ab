// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;

namespace Lifeboat.Protection.Policies;

/// <summary>
/// Which recovery points are kept as they age, written as rules: `all:1h,1m:1d,1h:7d` keeps all points for an hour, the
/// first of every minute for a day, the first of every hour for a week. `application:30d` and `labelled:90d` keep
/// quiesced and labelled points longer. A point is kept while any rule keeps it. A span alone (`4h`) keeps all that
/// long.
/// </summary>
/// <remarks>
/// The first of a slot is kept, not the last: which point that is never changes while newer ones arrive, so thinning
/// again gives the same points.
/// </remarks>
[JsonConverter(typeof(RetentionConverter))]
public sealed class Retention : IEquatable<Retention>
{
    public static readonly TimeSpan Least = TimeSpan.FromSeconds(10);

    public Retention(IReadOnlyList<RetentionRule> rules) => Rules = rules;

    public IReadOnlyList<RetentionRule> Rules { get; }

    /// <summary>No unpinned point is older than this, the newest excepted.</summary>
    public TimeSpan Longest => Rules.Count == 0 ? TimeSpan.Zero : Rules.Max(r => r.For);

    /// <summary>Keeps all points that long.</summary>
    public static implicit operator Retention(TimeSpan window) => All(window);

    public static Retention All(TimeSpan window) => new([new RetentionRule(PointClass.Any, null, window)]);

    /// <returns>The rules, and all that is wrong with the text.</returns>
    public static (Retention? Retention, IReadOnlyList<string> Problems) Parse(string text)
    {
        var rules = new List<RetentionRule>();
        var problems = new List<string>();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            var (rule, problem) = RetentionRule.Parse(part);
            if (rule is not null) rules.Add(rule);
            else problems.Add($"retention rule '{part}': {problem}");
        }
        if (problems.Count == 0) problems.AddRange(new Retention(rules).Problems());
        return problems.Count == 0 ? (new Retention(rules), []) : (null, problems);
    }

    public IEnumerable<string> Problems()
    {
        if (Rules.All(r => r.Class is not PointClass.Any))
            yield return "policy.retention has no rule for all points, such as 4h or all:1h";
        foreach (var rule in Rules)
        {
            if (rule.For < Least) yield return $"policy.retention keeps {rule} for less than {Least.TotalSeconds:0} s";
            if (rule.Every is { } every && (every <= TimeSpan.Zero || every > rule.For))
                yield return $"policy.retention rule {rule}: a slot is longer than 0 and at most as long as it is kept";
        }
        if (Rules.Count > 32) yield return $"policy.retention has {Rules.Count} rules; 32 are the most";
    }

    public bool Equals(Retention? other) => other is not null && Rules.SequenceEqual(other.Rules);
    public override bool Equals(object? obj) => Equals(obj as Retention);
    public override int GetHashCode() => Rules.Aggregate(17, HashCode.Combine);
    public override string ToString() => string.Join(',', Rules);
}
