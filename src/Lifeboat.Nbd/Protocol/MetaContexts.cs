// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

internal readonly record struct MetaContext(uint Id, string Name);

internal static class MetaContexts
{
    /// <summary>Which of an export's contexts a query names. Only a listing may name many at once.</summary>
    public static IEnumerable<string> Matching(string query, IReadOnlyList<string> offered, bool listing)
    {
        foreach (var name in offered)
        {
            var wild = listing && query.EndsWith(':') && query.Contains(':')
                && name.StartsWith(query, StringComparison.Ordinal);
            if (wild || name == query)
                yield return name;
        }
    }
}
