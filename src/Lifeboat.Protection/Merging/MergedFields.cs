// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lifeboat.Protection.Merging;

// The fields of a document that several sites edit, each of them also while it hears of no other one.
//
//   a: rpo 15s ──(edit)──► rpo 20s ─────┐ both edits knew of neither: both values stay, the field is contested
//   b: rpo 15s ──(edit)──► rpo 30s ─────┤
//                                       └─► [20s of a, 30s of b] ──(edit anywhere)──► what that says, at both
//
// Every edit is numbered by whoever makes it, every value says of which edit it is, and the document says up to which
// number it has seen each writer's edits. A value that one side lacks though it has seen its edit was replaced there,
// and goes; one whose edit it has not seen is news, and stays beside what is there. So there is no base version to be
// kept for each peer: what a side has seen is the base, whoever it heard it from, also of sites paired in a ring.
//
// Invariants: merging in any order and any number of times comes to the same; nobody ever has two edits of one number
// (a database that is restored goes on as another writer); a value is dropped only by who has seen it.

/// <summary>A document as edits of several sites left it.</summary>
/// <param name="Seen">By writer: up to which of its edits this document knows them.</param>
/// <param name="Fields">By name: the values that no other one has replaced; more than one: nobody chose yet.</param>
public sealed record MergedFields(IReadOnlyDictionary<string, long> Seen,
    IReadOnlyDictionary<string, IReadOnlyList<FieldEntry>> Fields)
{
    public const int FieldsMax = 8192, EntriesMax = 64, WritersMax = 256, ValueMax = 64 << 10;

    public static readonly MergedFields None = new(new Dictionary<string, long>(),
        new Dictionary<string, IReadOnlyList<FieldEntry>>());

    /// <summary>Grows with every edit that the document gets to know.</summary>
    [JsonIgnore]
    public long Version => Seen.Values.Sum();

    /// <summary>Fields with more than one value, by name.</summary>
    [JsonIgnore]
    public IEnumerable<string> Contested => Fields
        .Where(f => f.Value.Select(e => e.Value).Distinct(StringComparer.Ordinal).Skip(1).Any())
        .Select(f => f.Key).Order(StringComparer.Ordinal);

    /// <summary>The other one has nothing that is news here.</summary>
    public bool Covers(IReadOnlyDictionary<string, long> seen) =>
        seen.All(s => Seen.GetValueOrDefault(s.Key) >= s.Value);

    /// <summary>The document after one more edit, which knew of all that is in it.</summary>
    public MergedFields With(IEnumerable<KeyValuePair<string, string>> values, string by, DateTimeOffset at)
    {
        var number = Seen.GetValueOrDefault(by) + 1;
        var fields = new SortedDictionary<string, IReadOnlyList<FieldEntry>>(Copy(Fields), StringComparer.Ordinal);
        foreach (var (field, value) in values) fields[field] = [new FieldEntry(by, number, at, value)];
        return new MergedFields(new SortedDictionary<string, long>(Copy(Seen), StringComparer.Ordinal)
        {
            [by] = number,
        }, fields);
    }

    /// <summary>What both know.</summary>
    public MergedFields MergedWith(MergedFields other)
    {
        var fields = new SortedDictionary<string, IReadOnlyList<FieldEntry>>(StringComparer.Ordinal);
        foreach (var name in Fields.Keys.Union(other.Fields.Keys, StringComparer.Ordinal))
        {
            var (mine, theirs) = (EntriesOf(name), other.EntriesOf(name));
            fields[name] =
            [
                .. mine.Where(e => !other.HasSeen(e) || theirs.Any(t => IsSame(t, e)))
                    .Concat(theirs.Where(e => !HasSeen(e)))
                    .OrderBy(e => e.By, StringComparer.Ordinal).ThenBy(e => e.Number),
            ];
        }
        var seen = new SortedDictionary<string, long>(Copy(Seen), StringComparer.Ordinal);
        foreach (var (by, number) in other.Seen) seen[by] = Math.Max(seen.GetValueOrDefault(by), number);
        return new MergedFields(seen, fields);
    }

    /// <summary>
    /// The JSON of the field's value: of several the one that holds here already, so that being contested changes
    /// nothing; else the newest.
    /// </summary>
    /// <param name="now">That holds here; null: nothing does yet.</param>
    /// <returns>Null: nobody gave the field a value.</returns>
    public string? ValueOf(string field, string? now)
    {
        var entries = EntriesOf(field);
        return entries.Any(e => e.Value == now) ? now : entries.OrderByDescending(e => e.At)
            .ThenByDescending(e => e.By, StringComparer.Ordinal).FirstOrDefault()?.Value;
    }

    public IReadOnlyList<FieldEntry> EntriesOf(string field) => Fields.GetValueOrDefault(field) ?? [];

    /// <summary>What is wrong with a document that another site sent.</summary>
    public IEnumerable<string> Problems()
    {
        if (Seen is null || Fields is null)
        {
            yield return "fields and what was seen of them are missing";
            yield break;
        }
        if (Seen.Count > WritersMax) yield return $"{Seen.Count} writers; {WritersMax} are the most";
        foreach (var (by, number) in Seen.Where(s => !IsWriter(s.Key) || s.Value < 1))
            yield return $"the edit {number} of '{by}' is none";
        if (Fields.Count > FieldsMax) yield return $"{Fields.Count} fields; {FieldsMax} are the most";
        foreach (var (field, entries) in Fields)
            foreach (var problem in Problems(entries)) yield return $"{field}: {problem}";
    }

    private IEnumerable<string> Problems(IReadOnlyList<FieldEntry> entries)
    {
        if (entries is null or { Count: > EntriesMax })
        {
            yield return $"{EntriesMax} values are the most";
            yield break;
        }
        foreach (var entry in entries)
        {
            if (entry is null || entry.By is null || !HasSeen(entry) || entry.Number < 1)
                yield return "a value is of an edit that was not seen";
            else if (entry.Value is null || entry.Value.Length > ValueMax || !IsJson(entry.Value))
                yield return $"the value of edit {entry.Number} of '{entry.By}' is no JSON";
        }
    }

    private bool HasSeen(FieldEntry entry) => Seen.GetValueOrDefault(entry.By) >= entry.Number;

    private static bool IsSame(FieldEntry one, FieldEntry other) => one.By == other.By && one.Number == other.Number;

    private static bool IsWriter(string by) => by.Split('.') switch
    {
        [var site] => EntityName.IsValid(site),
        [var site, var life] => EntityName.IsValid(site) && EntityName.IsValid(life),
        _ => false,
    };

    private static bool IsJson(string text)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static Dictionary<string, T> Copy<T>(IReadOnlyDictionary<string, T> of) => new(of, StringComparer.Ordinal);
}
