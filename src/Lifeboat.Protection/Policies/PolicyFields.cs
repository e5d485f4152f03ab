// SPDX-License-Identifier: Apache-2.0
using System.Collections.Frozen;
using System.Reflection;
using System.Text.Json;

namespace Lifeboat.Protection.Policies;

/// <summary>
/// The fields of a policy by the names that the wire has for them, so that a group can say which of them are its own. A
/// field that is added to the policy is among them without anybody's doing.
/// </summary>
public static class PolicyFields
{
    /// <summary>Its rules name instances, so they are a group's own and no named policy's.</summary>
    public const string Quiesce = "quiesce";

    private static readonly FrozenDictionary<string, PropertyInfo> ByName = typeof(Policy)
        .GetProperties(BindingFlags.Instance | BindingFlags.Public).Where(p => p.SetMethod is not null)
        .ToFrozenDictionary(p => JsonNamingPolicy.CamelCase.ConvertName(p.Name), StringComparer.Ordinal);

    /// <summary>All of them but the quiesce rules, in order.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. ByName.Keys.Where(n => n != Quiesce).Order(StringComparer.Ordinal)];

    public static Type TypeOf(string field) => ByName[field].PropertyType;

    public static object? Of(Policy policy, string field) => ByName[field].GetValue(policy);

    public static Policy With(Policy policy, string field, object? value)
    {
        // Nobody else has it yet, so that it may be set though it is only set once.
        var changed = policy with { };
        ByName[field].SetValue(changed, value);
        return changed;
    }

    /// <summary>Which fields have another value, the quiesce rules aside.</summary>
    public static IReadOnlyList<string> Differing(Policy one, Policy other) =>
        [.. Names.Where(n => !Equals(Of(one, n), Of(other, n)))];

    /// <summary>
    /// A named policy as a group has it that follows it: with the group's quiesce rules, and its own value in some
    /// fields.
    /// </summary>
    /// <param name="fields">Names that are not known (to this version) are passed over.</param>
    public static Policy Taken(Policy named, Policy group, IEnumerable<string> fields)
    {
        // What moves a group is of its nature: whoever follows neither becomes one that its cloud moves, nor ceases
        // to be, nor is moved in another way.
        var source = named.IsMovedByCloud || group.IsMovedByCloud ? group.Source : named.Source;
        var taken = named with { Quiesce = group.Quiesce, Source = source };
        foreach (var field in fields.Where(ByName.ContainsKey)) taken = With(taken, field, Of(group, field));
        return taken;
    }
}
