// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Protection;

/// <summary>What somebody who mistyped a name may have meant.</summary>
public static class Nearest
{
    private const int LengthMax = 64;
    private const int BegunMin = 2;

    /// <returns>Null: none is near.</returns>
    public static string? To(string text, IEnumerable<string> known)
    {
        if (text.Length > LengthMax) return null;
        var names = known.ToList();
        if (Begun(text, names) is { } begun) return begun;
        var best = names.Select(k => (Name: k, Distance: Distance(text.ToLowerInvariant(), k.ToLowerInvariant())))
            .OrderBy(k => k.Distance).ThenBy(k => k.Name, StringComparer.Ordinal).FirstOrDefault();
        return best.Name is not null && best.Distance <= Math.Max(2, text.Length / 3) ? best.Name : null;
    }

    // `rpo` is nearer to `rpoTarget` than by letters. Of several that begin so, the shortest.
    private static string? Begun(string text, IEnumerable<string> known) => text.Length < BegunMin ? null
        : known.Where(k => k.StartsWith(text, StringComparison.OrdinalIgnoreCase)).OrderBy(k => k.Length)
            .ThenBy(k => k, StringComparer.Ordinal).FirstOrDefault();

    // Levenshtein: how many letters are put in, left out, or are others.
    private static int Distance(string one, string other)
    {
        var row = Enumerable.Range(0, other.Length + 1).ToArray();
        for (var i = 1; i <= one.Length; i++)
        {
            var (diagonal, first) = (row[0], i);
            row[0] = first;
            for (var j = 1; j <= other.Length; j++)
            {
                var changed = diagonal + (one[i - 1] == other[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(changed, Math.Min(row[j], row[j - 1]) + 1);
            }
        }
        return row[other.Length];
    }
}
