// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli;

/// <summary>What is changed, for people: `+` is made, `~` is changed, `-` is deleted.</summary>
internal static class DeclarationDiff
{
    private const string Green = "32", Yellow = "33", Red = "31";

    /// <param name="coloured">The text goes to a terminal.</param>
    public static IEnumerable<string> Lines(ApplyResult result, bool coloured)
    {
        foreach (var change in result.Changes)
        {
            var (sign, colour) = change.Action switch
            {
                ChangeAction.Create => ('+', Green),
                ChangeAction.Change => ('~', Yellow),
                ChangeAction.Delete => ('-', Red),
            };
            var whose = change.Tenant is null ? "" : $"{change.Tenant}/";
            yield return Painted($"{sign} {change.Kind} {whose}{change.Name}", colour, coloured);
            foreach (var field in change.Fields) yield return $"    {field.Field}: {Text(field, coloured)}";
        }
        foreach (var note in result.Notes) yield return $"! {note}";
        yield return result.Changes.Count == 0 ? $"no change: {Documents(result.Unchanged)} as declared"
            : $"{Counts(result)}; {Documents(result.Unchanged)} as declared already";
    }

    private static string Counts(ApplyResult result)
    {
        var verbs = new[] { (ChangeAction.Create, "made"), (ChangeAction.Change, "changed"),
            (ChangeAction.Delete, "deleted") };
        return string.Join(", ", verbs.Select(v => (Count: result.Changes.Count(c => c.Action == v.Item1), v.Item2))
            .Where(c => c.Count > 0).Select(c => $"{c.Count} {(result.Done ? "" : "to be ")}{c.Item2}"));
    }

    private static string Documents(int count) => count == 1 ? "1 document is" : $"{count} documents are";

    private static string Text(FieldChange field, bool coloured) => field switch
    {
        { Old: null, New: { } made } => Painted(made, Green, coloured),
        { Old: { } gone, New: null } => $"{Painted(gone, Red, coloured)} → (none)",
        _ => $"{Painted(field.Old ?? "", Red, coloured)} → {Painted(field.New ?? "", Green, coloured)}",
    };

    private static string Painted(string text, string colour, bool coloured) =>
        coloured ? $"\u001b[{colour}m{text}\u001b[0m" : text;
}
