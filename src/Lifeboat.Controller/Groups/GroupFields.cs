// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Declarations;
using Lifeboat.Controller.Policies;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Groups;

/// <summary>
/// What people edit of a group's definition, as named fields with JSON: `application`, `checks`, `dns`, `dnsTtl`,
/// `follows`, `bootOrder.INSTANCE`, `policy.FIELD`, `own.FIELD` (whether the group differs there from the policy it
/// follows).
/// </summary>
internal static class GroupFields
{
    public const string Application = "application", Checks = "checks", Follows = "follows";
    public const string Dns = "dns", DnsTtl = "dnsTtl";
    public const string OfPolicy = "policy.", OfOwn = "own.", OfBoot = "bootOrder.";
    private const string Yes = "true", No = "false";

    /// <summary>All that this group has.</summary>
    public static IEnumerable<string> NamesOf(GroupDefinition group) =>
    [
        Application, Checks, Dns, DnsTtl, Follows, .. group.Members.Select(m => OfBoot + m.Instance),
        .. PolicyFields.Names.Select(f => OfOwn + f), .. PolicyFields.Names.Append(PolicyFields.Quiesce)
            .Select(f => OfPolicy + f),
    ];

    /// <summary>The JSON that the field has; null: this group has no such field.</summary>
    public static string? Of(GroupDefinition group, string field) => field switch
    {
        Application => Text(group.Application, typeof(string)),
        Checks => Text(group.Checks, typeof(IReadOnlyList<string>)),
        Dns => Text(group.Dns?.Names ?? [], typeof(IReadOnlyList<DnsName>)),
        DnsTtl => Text(group.Dns?.Ttl ?? GroupDns.UsualTtl, typeof(TimeSpan)),
        Follows => Text(group.Follows?.Policy, typeof(string)),
        _ when After(field, OfBoot) is { } instance => group.Members.FirstOrDefault(m => m.Instance == instance)
            is { } member ? Text(member.BootOrder, typeof(int)) : null,
        _ when After(field, OfOwn) is { } name =>
            PolicyFields.Names.Contains(name) ? group.Follows?.Own.Contains(name) == true ? Yes : No : null,
        _ when After(field, OfPolicy) is { } name => IsOfPolicy(name)
            ? Text(PolicyFields.Of(group.Policy, name), PolicyFields.TypeOf(name)) : null,
        _ => null,
    };

    /// <summary>The group with these values; what a newer release wrote and this one does not know stays.</summary>
    public static GroupDefinition With(GroupDefinition group, IEnumerable<KeyValuePair<string, string>> values) =>
        // By name: whether something is followed comes before where the group differs from it.
        values.OrderBy(v => v.Key, StringComparer.Ordinal).Aggregate(group, (g, v) => With(g, v.Key, v.Value));

    /// <summary>A value as a declaration writes it.</summary>
    public static string Shown(string field, string value)
    {
        try
        {
            return field switch
            {
                Checks => Read<IReadOnlyList<string>>(value) is { Count: > 0 } checks
                    ? string.Join(", ", checks) : "none",
                Dns => Read<IReadOnlyList<DnsName>>(value) is { Count: > 0 } names
                    ? string.Join("; ", names.Select(n => n.Text())) : "none",
                DnsTtl => Span.Text(Read<TimeSpan>(value)),
                Application or Follows => Read<string>(value) ?? "none",
                _ when After(field, OfOwn) is not null => value == Yes ? "the group's own" : "as the policy has it",
                _ when After(field, OfPolicy) is { } name && PolicyFields.Names.Contains(name) =>
                    PolicyText.Text(name, PolicyMerging.ValueOf(name, value)),
                _ => value,
            };
        }
        // Of a newer release: this one does not know the value, but somebody may still choose it there.
        catch (JsonException)
        {
            return value;
        }
    }

    /// <summary>The fields that a change of the group's policy is about, though they may stay as they are.</summary>
    /// <param name="follows">After the change.</param>
    public static IEnumerable<string> SaidBy(PolicyChange change, PolicyFollowing? follows)
    {
        var given = change.Given();
        // Whoever says what is followed says all that comes from there.
        var policy = given.Concat(change.Inherit ?? []).Concat(string.IsNullOrEmpty(change.Follow) ? []
            : PolicyFields.Names.Except(follows?.Own ?? [])).ToHashSet(StringComparer.Ordinal);
        if (change.QuiesceRules is not null || change.QuiesceDefaults is not null)
            yield return OfPolicy + PolicyFields.Quiesce;
        if (change.Follow is not null) yield return Follows;
        foreach (var field in PolicyFields.Names.Where(policy.Contains))
        {
            yield return OfPolicy + field;
            yield return OfOwn + field;
        }
    }

    private static GroupDefinition With(GroupDefinition group, string field, string value)
    {
        try
        {
            return field switch
            {
                Application => group with { Application = Read<string>(value) },
                Checks => group with { Checks = Read<IReadOnlyList<string>>(value) ?? [] },
                Dns => group with
                {
                    Dns = ((group.Dns ?? new()) with { Names = Read<IReadOnlyList<DnsName>>(value) ?? [] }).OrNone(),
                },
                DnsTtl => group with
                {
                    Dns = ((group.Dns ?? new()) with { Ttl = Read<TimeSpan>(value) }).OrNone(),
                },
                Follows => group with
                {
                    Follows = Read<string>(value) is { } policy ? new(policy, group.Follows?.Own ?? []) : null,
                },
                _ when After(field, OfBoot) is { } instance => Ordered(group, instance, Read<int>(value)),
                _ when After(field, OfOwn) is { } name && PolicyFields.Names.Contains(name) =>
                    Owning(group, name, value == Yes),
                _ when After(field, OfPolicy) is { } name && IsOfPolicy(name) => group with
                {
                    Policy = PolicyFields.With(group.Policy, name, PolicyMerging.ValueOf(name, value)),
                },
                _ => group,
            };
        }
        catch (JsonException)
        {
            return group;
        }
    }

    private static GroupDefinition Ordered(GroupDefinition group, string instance, int place) => group with
    {
        Members = [.. group.Members.Select(m => m.Instance == instance ? m with { BootOrder = place } : m)],
    };

    private static GroupDefinition Owning(GroupDefinition group, string name, bool own) =>
        group.Follows is not { } follows || follows.Own.Contains(name) == own ? group : group with
        {
            Follows = follows with { Own = own ? [.. follows.Own, name] : [.. follows.Own.Where(f => f != name)] },
        };

    private static string? After(string field, string start) =>
        field.StartsWith(start, StringComparison.Ordinal) ? field[start.Length..] : null;

    private static bool IsOfPolicy(string name) => name == PolicyFields.Quiesce || PolicyFields.Names.Contains(name);

    private static string Text(object? value, Type type) => JsonSerializer.Serialize(value, type, RunJson.Options);

    private static T? Read<T>(string value) => JsonSerializer.Deserialize<T>(value, RunJson.Options);
}
