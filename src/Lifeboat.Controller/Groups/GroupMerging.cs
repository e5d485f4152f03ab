// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Runtime.CompilerServices;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Peers;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Merging;

namespace Lifeboat.Controller.Groups;

// A definition has two parts. Roles, members and volumes are changed only where the instances run, and by runs, which
// raise the epoch: there the newer definition wins whole. What people edit (GroupFields) is merged field by field with
// what the other site edited while the two did not hear of each other:
//
//   site a, primary in epoch 1, goes on and is edited ─────────────┐
//   site b fails over: epoch 2, edited too ────────────────────────┴─► epoch 2, with the fields that only a edited;
//                                                                      what both edited is as b, the primary, has it
//
// Invariants: when the sites have heard of each other both have one definition, so of a contested field the value of
// the newer definition, that of where the instances run, holds at both. No edit goes that nobody saw and replaced,
// unless the group goes. A version is made only where the group is primary.

/// <summary>Edits of a group's definition by both sites, and what is to be known of it after either said what it
/// knows.</summary>
internal static class GroupMerging
{
    /// <summary>The field that says whether the group is gone: in which epoch it was deleted, or `false`.</summary>
    public const string Deleted = "deleted";
    private const string Kept = "false";

    // Asked of every group at every look, and definitions seldom change.
    private static readonly ConditionalWeakTable<GroupDefinition, Contest> Contests = [];

    /// <summary>The definition after an edit at this site, which knew all that was in it.</summary>
    /// <param name="said">Fields that it was about, also where they stay as they are: that settles them.</param>
    /// <param name="writer">As whom this site numbers its edits.</param>
    public static GroupDefinition Edited(GroupDefinition now, GroupDefinition next, IEnumerable<string> said,
        string writer, DateTimeOffset at)
    {
        var (edits, about) = (EditsOf(now), said.ToHashSet(StringComparer.Ordinal));
        // Where sites' edits do not go together the fields have another value than holds: they get that one now.
        bool IsNews(string field, string text) => about.Contains(field) || GroupFields.Of(now, field) != text
            || edits.EntriesOf(field) is { Count: > 0 } entries && entries.All(e => e.Value != text);
        var values = from field in GroupFields.NamesOf(next)
                     let text = GroupFields.Of(next, field)!
                     where IsNews(field, text)
                     select KeyValuePair.Create(field, text);
        // Whoever edits it wants it to be there; what the other site ended in this epoch stays ended there.
        if (!IsEndedElsewhere(now)) values = values.Append(KeyValuePair.Create(Deleted, Kept));
        return next with { Edits = edits.With(values, writer, at) };
    }

    /// <summary>As it is written down that somebody deleted the group.</summary>
    public static GroupDefinition Removed(GroupDefinition group, string writer, DateTimeOffset at) =>
        group with { Edits = EditsOf(group).With([KeyValuePair.Create(Deleted, EndOf(group))], writer, at) };

    /// <summary>
    /// The edits of a group that is made under a name that was used before: it knows how the one before ended, and
    /// nothing of what that was edited to.
    /// </summary>
    public static MergedFields Anew(IEnumerable<GroupRecord> before, string writer, DateTimeOffset at)
    {
        var seen = before.Select(r => EditsOf(r.Definition)).Aggregate(MergedFields.None, (m, e) => m.MergedWith(e));
        return seen.Version == 0 ? MergedFields.None
            : WithoutValues(seen).With([KeyValuePair.Create(Deleted, Kept)], writer, at);
    }

    public static MergedFields EditsOf(GroupDefinition? group) => group?.Edits ?? MergedFields.None;

    /// <summary>The other definition knows edits that this one does not.</summary>
    public static bool HasNews(GroupDefinition other, GroupDefinition here) =>
        !EditsOf(here).Covers(EditsOf(other).Seen);

    /// <summary>How many edits of it were made where it does not run: they make no version.</summary>
    public static long EditsElsewhere(GroupDefinition group) => EditsOf(group).Seen
        .Where(s => s.Key.Split('.')[0] == group.RecoverySite).Sum(s => s.Value);

    /// <summary>One site deleted it and the other one edited it, and neither had heard of that: each goes on.</summary>
    public static bool IsSplit(GroupDefinition group) =>
        IsEndedElsewhere(group) && EditsOf(group).EntriesOf(Deleted).Any(e => e.Value == Kept);

    /// <summary>Somebody deleted it in the epoch that it is in, at a site that holds to that.</summary>
    public static bool IsEndedElsewhere(GroupDefinition group) =>
        EditsOf(group).EntriesOf(Deleted) is { Count: > 0 } said && said.Any(e => e.Value == EndOf(group));

    /// <summary>What is to be known here of a group when the other site says what it knows; null: as it is.</summary>
    /// <param name="here">The name of this site.</param>
    /// <param name="writer">Who has the edits of a release that numbers none.</param>
    public static GroupRecord? Learned(GroupRecord? known, GroupRecord theirs, string here, string writer,
        DateTimeOffset at)
    {
        if (known is null) return theirs with { Definition = WithEdits(theirs.Definition) };
        var (mine, other) = (known.Definition, theirs.Definition);
        var edits = EditsOf(mine).MergedWith(EditsOf(other));
        if (known.Removed != theirs.Removed && mine.Epoch == other.Epoch
            && IsEndedElsewhere(mine with { Edits = edits }))
            return AtItsEnd(known, theirs, edits);
        if (other.Supersedes(mine))
        {
            if (theirs.Removed) return new GroupRecord(other with { Edits = edits }, Removed: true);
            if (other.Edits is null) return new GroupRecord(Unnumbered(known, other, writer, at), Removed: false);
            return new GroupRecord(Next(Merged(other, mine), other, here), Removed: false);
        }
        if (!HasNews(other, mine) || known.Removed != theirs.Removed) return null;
        return known with
        {
            Definition = known.Removed ? mine with { Edits = edits } : Next(Merged(mine, other), mine, here),
        };
    }

    /// <summary>What is contested of it, for people.</summary>
    public static IReadOnlyList<DefinitionConflict> Conflicts(GroupDefinition group) => ContestOf(group).Conflicts;

    /// <summary>Why what sites edited cannot hold together, so that what held before does; empty: it can.</summary>
    public static IReadOnlyList<string> Faults(GroupDefinition group) => ContestOf(group).Faults;

    /// <summary>Those of the fields that more than one value was given to, and nobody chose yet.</summary>
    public static IReadOnlyList<string> Contested(GroupDefinition group, IEnumerable<string> fields) =>
        group.Edits is null ? [] : [.. fields.Intersect(Conflicts(group).Select(c => c.Field), StringComparer.Ordinal)];

    // Deleted at one site in the epoch in which it is there at the other one. Only what was edited there meanwhile
    // keeps it, and only there: its other part is gone, and nothing brings that back.
    private static GroupRecord? AtItsEnd(GroupRecord known, GroupRecord theirs, MergedFields edits)
    {
        var (mine, other) = (known.Definition, theirs.Definition);
        var version = Math.Max(mine.Version, other.Version);
        if (edits.EntriesOf(Deleted).Any(e => e.Value == Kept))
            // What is deleted here has the other one's number, so that it is not said again and again.
            return HasNews(other, mine) || known.Removed && other.Version > mine.Version
                ? known with { Definition = mine with { Version = version, Edits = edits } } : null;
        return known.Removed ? null
            : new GroupRecord(other with { Version = version, Edits = edits }, Removed: true);
    }

    /// <summary>The newer definition with what the other one's edits say besides.</summary>
    private static GroupDefinition Merged(GroupDefinition newer, GroupDefinition other)
    {
        if (!HasNews(other, newer)) return newer;
        var edits = EditsOf(newer).MergedWith(EditsOf(other));
        var merged = Built(newer, edits) with { Edits = edits };
        // Sound alone and not together: what holds goes on holding, and Faults says why.
        return merged.Problems().Any() ? newer with { Edits = edits } : merged;
    }

    // Versions are made where it runs: so what is merged there is newer than what either had.
    private static GroupDefinition Next(GroupDefinition merged, GroupDefinition from, string here) =>
        ReferenceEquals(merged, from) || from.PrimarySite != here ? merged
            : merged with { Version = from.Version + 1 };

    // A release that numbers no edits: what is otherwise there was edited by somebody who had seen all that it could.
    private static GroupDefinition Unnumbered(GroupRecord known, GroupDefinition newer, string writer,
        DateTimeOffset at)
    {
        var edits = EditsOf(known.Definition);
        if (known.Removed) return newer with { Edits = WithoutValues(edits) };
        var differs = GroupFields.NamesOf(newer).Any(f => GroupFields.Of(known.Definition, f)
            != GroupFields.Of(newer, f));
        return edits.Version > 0 && differs ? Edited(known.Definition, newer, [], writer, at)
            : newer with { Edits = edits };
    }

    private static GroupDefinition Built(GroupDefinition newer, MergedFields edits) => GroupFields.With(newer,
        from field in edits.Fields.Keys
        where field != Deleted
        let value = edits.ValueOf(field, GroupFields.Of(newer, field))
        where value is not null
        select KeyValuePair.Create(field, value));

    private static Contest ContestOf(GroupDefinition group) => group.Edits is not { Fields.Count: > 0 } ? Contest.None
        : Contests.GetValue(group, static g => new Contest(ConflictsOf(g, g.Edits!), FaultsOf(g, g.Edits!)));

    private static IReadOnlyList<DefinitionConflict> ConflictsOf(GroupDefinition now, MergedFields edits) =>
    [
        .. from field in edits.Contested.Append(Deleted).Distinct()
           let entries = edits.EntriesOf(field)
           where field != Deleted || entries.Any(e => e.Value != Kept)
           select new DefinitionConflict(field, [.. entries.OrderBy(e => e.Site, StringComparer.Ordinal)
               .ThenBy(e => e.At).Select(e => new ContestedValue(e.Site, Shown(field, e.Value), e.At,
                   e.Value == (field == Deleted ? Kept : GroupFields.Of(now, field))))]),
    ];

    private static IReadOnlyList<string> FaultsOf(GroupDefinition group, MergedFields edits) =>
        edits.Fields.All(f => f.Key == Deleted || f.Value.Count == 0 || GroupFields.Of(group, f.Key) is not { } held
            || f.Value.Any(e => e.Value == held)) ? [] : [.. Built(group, edits).Problems()];

    private static string Shown(string field, string value) => field != Deleted ? GroupFields.Shown(field, value)
        : value == Kept ? "edited, so it stays" : "deleted";

    private static GroupDefinition WithEdits(GroupDefinition group) =>
        group.Edits is null ? group with { Edits = MergedFields.None } : group;

    private static MergedFields WithoutValues(MergedFields edits) => edits with { Fields = MergedFields.None.Fields };

    private static string EndOf(GroupDefinition group) => group.Epoch.Value.ToString(CultureInfo.InvariantCulture);

    private sealed record Contest(IReadOnlyList<DefinitionConflict> Conflicts, IReadOnlyList<string> Faults)
    {
        public static readonly Contest None = new([], []);
    }
}
