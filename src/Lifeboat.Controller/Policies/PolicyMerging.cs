// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Peers;
using Lifeboat.Controller.Declarations;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection.Merging;
using Lifeboat.Protection.Policies;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Policies;

/// <summary>A named policy as fields that several sites edit: those of the policy, what it is for, whether it is
/// gone.</summary>
internal static class PolicyMerging
{
    public const string Description = "description", Deleted = "deleted";
    private const string Yes = "true", No = "false";

    /// <summary>All fields of a policy.</summary>
    public static IReadOnlyList<string> All { get; } = [.. PolicyFields.Names, Description, Deleted];

    /// <summary>What its fields were given; a former release's were all given at this site.</summary>
    /// <param name="former">Who edited before edits were numbered, see <see cref="EditWriter"/>.</param>
    public static MergedFields FieldsOf(StoredPolicy? policy, string former) => policy switch
    {
        null => MergedFields.None,
        { Fields: { } fields } => fields,
        _ => new MergedFields(new Dictionary<string, long> { [former] = policy.Version },
            Texts(policy).ToDictionary(t => t.Key, t => (IReadOnlyList<FieldEntry>)
                [new FieldEntry(former, policy.Version, policy.ChangedAt, t.Value)])),
    };

    /// <summary>The policy after an edit at this site.</summary>
    /// <param name="before">With the fields that it was made from; null: there was none.</param>
    /// <param name="said">Fields that the edit was about, also where they stay as they are: that settles them.</param>
    public static StoredPolicy Edited(StoredPolicy? before, StoredPolicy wanted, IEnumerable<string> said,
        EditWriter writer)
    {
        var fields = FieldsOf(before, writer.Former);
        var about = said.ToHashSet(StringComparer.Ordinal);
        // Whoever changes it wants it to be there, and whoever deletes it changes nothing else of it.
        // Where sites' changes did not go together the fields have another value than holds: they get that one now.
        bool IsNews(string field, string text) => about.Contains(field) || Held(before, field) != text
            || fields.EntriesOf(field).All(e => e.Value != text);
        var values = Texts(wanted).Where(t => t.Key == Deleted || !wanted.Removed && IsNews(t.Key, t.Value));
        fields = fields.With(values, writer.Name, wanted.ChangedAt);
        return wanted with { Version = fields.Version, Fields = fields, Faults = [] };
    }

    /// <summary>The policy as its fields say, where nobody chose as it is here.</summary>
    public static StoredPolicy Built(string name, MergedFields fields, StoredPolicy? here)
    {
        var policy = Policy.Default;
        foreach (var field in PolicyFields.Names)
            if (fields.ValueOf(field, Held(here, field)) is { } text)
                policy = PolicyFields.With(policy, field, ValueOf(field, text));
        var description = fields.ValueOf(Description, Held(here, Description));
        return new StoredPolicy(name, fields.Version,
            description is null ? null : (string?)Read(description, typeof(string)), policy,
            fields.Fields.Values.SelectMany(e => e).Select(e => e.At).DefaultIfEmpty().Max())
        {
            // What one site deleted and another one changed stays until somebody chooses.
            Removed = fields.EntriesOf(Deleted) is { Count: > 0 } all && all.All(e => e.Value == Yes),
            Fields = fields,
        };
    }

    /// <summary>The policy with what one site made of the fields that are contested, and which those are.</summary>
    /// <exception cref="ProblemException">InvalidRequest with all faults.</exception>
    public static (StoredPolicy Wanted, IReadOnlyList<string> Said) Settled(StoredPolicy now,
        IReadOnlyList<DefinitionConflict> conflicts, SettleRequest request)
    {
        var fields = now.Fields!;
        var values = DefinitionSettling.Chosen(fields, conflicts, request, $"policy {now.Name}");
        // By whom and when does not matter here: it is written down when it is kept.
        var settled = fields.With(values, now.Name, now.ChangedAt);
        var built = Built(now.Name, settled, now);
        return (now with { Policy = built.Policy, Description = built.Description, Removed = built.Removed },
            [.. values.Select(v => v.Key)]);
    }

    /// <summary>What nobody chose from yet, as people read it.</summary>
    public static IReadOnlyList<DefinitionConflict> Conflicts(StoredPolicy policy) => policy.Fields is not { } fields
        ? [] : [.. fields.Contested.Select(f => new DefinitionConflict(f, [.. fields.EntriesOf(f)
            .OrderBy(e => e.Site, StringComparer.Ordinal).ThenBy(e => e.At)
            .Select(e => new ContestedValue(e.Site, Shown(f, e.Value), e.At, e.Value == Held(policy, f)))]))];

    public static PolicyRecord Record(StoredPolicy policy, string former) => new(policy.Name, policy.Policy,
        policy.Description, FieldsOf(policy, former));

    /// <summary>The JSON that the field has here; null: there is no such policy or field.</summary>
    private static string? Held(StoredPolicy? policy, string field) => policy is null ? null : field switch
    {
        Deleted => policy.Removed ? Yes : No,
        Description => Text(policy.Description, typeof(string)),
        _ when PolicyFields.Names.Contains(field) =>
            Text(PolicyFields.Of(policy.Policy, field), PolicyFields.TypeOf(field)),
        _ => null,
    };

    private static IEnumerable<KeyValuePair<string, string>> Texts(StoredPolicy policy) =>
        from field in All
        select KeyValuePair.Create(field, Held(policy, field)!);

    private static string Shown(string field, string text)
    {
        try
        {
            return field switch
            {
                Deleted => text == Yes ? "deleted" : "changed, so it stays",
                Description => (string?)Read(text, typeof(string)) ?? "",
                _ when PolicyFields.Names.Contains(field) => PolicyText.Text(field, ValueOf(field, text)),
                _ => text,
            };
        }
        // Of a newer release: this one does not know the value, but somebody may still choose it there.
        catch (JsonException)
        {
            return text;
        }
    }

    /// <exception cref="JsonException">It is no value of the field.</exception>
    public static object? ValueOf(string field, string text)
    {
        var type = PolicyFields.TypeOf(field);
        var value = Read(text, type);
        if (value is null && !type.IsValueType && PolicyFields.Of(Policy.Default, field) is not null)
            throw new JsonException($"{field} is null");
        return value;
    }

    private static string Text(object? value, Type type) => JsonSerializer.Serialize(value, type, RunJson.Options);

    private static object? Read(string text, Type type) => JsonSerializer.Deserialize(text, type, RunJson.Options);
}
