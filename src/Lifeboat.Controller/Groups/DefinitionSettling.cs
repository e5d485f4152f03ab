// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Merging;

namespace Lifeboat.Controller.Groups;

/// <summary>What one site made of the fields that are contested.</summary>
internal static class DefinitionSettling
{
    /// <summary>A conflict as a sentence has it.</summary>
    public static string Text(DefinitionConflict conflict) =>
        $"{conflict.Field} is {string.Join(" and ", conflict.Values.Select(v => $"'{v.Value}' of {v.Site}"))}";

    /// <param name="what">Is settled, e.g. `policy gold`.</param>
    /// <returns>The fields that are chosen, each with its JSON.</returns>
    /// <exception cref="ProblemException">InvalidRequest with all faults.</exception>
    public static IReadOnlyList<KeyValuePair<string, string>> Chosen(MergedFields fields,
        IReadOnlyList<DefinitionConflict> conflicts, SettleRequest request, string what)
    {
        var contested = conflicts.Select(c => c.Field).ToList();
        var chosen = contested.Where(f => fields.EntriesOf(f).Any(e => e.Site == request.Keep)).ToList();
        List<string> faults = chosen.Count > 0 ? [] : [$"keep is '{request.Keep}', the changes are of "
            + string.Join(", ", conflicts.SelectMany(c => c.Values).Select(v => v.Site).Distinct().Order())];
        if (request.Fields is { Count: > 0 } wanted)
        {
            var known = faults.Count == 0;
            faults.AddRange(wanted.Except(contested).Select(f => $"fields: '{f}' is not contested"));
            if (known)
                faults.AddRange(wanted.Intersect(contested).Except(chosen)
                    .Select(f => $"fields: site {request.Keep} did not change '{f}'"));
            chosen = [.. chosen.Intersect(wanted)];
        }
        if (faults.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, $"{what} cannot be settled so",
                "What is contested is shown with it.", faults);
        return [.. chosen.Select(f => KeyValuePair.Create(f, fields.EntriesOf(f).Where(e => e.Site == request.Keep)
            .MaxBy(e => e.At)!.Value))];
    }
}
