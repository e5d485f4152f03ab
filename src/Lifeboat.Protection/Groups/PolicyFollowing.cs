// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Policies;

namespace Lifeboat.Protection.Groups;

/// <summary>
/// The named policy that a group's is taken from. What the group does by is always its own copy, in its definition: a
/// recovery needs nothing else.
/// </summary>
/// <param name="Policy">Its name within the group's tenant.</param>
/// <param name="Own">Fields in which the group differs on purpose, see <see cref="PolicyFields"/>.</param>
public sealed record PolicyFollowing(string Policy, IReadOnlyList<string> Own)
{
    public IEnumerable<string> Problems()
    {
        if (!EntityName.IsValid(Policy)) yield return $"follows.policy is '{Policy}'; {EntityName.Rule}";
        // Those of a newer version are not known here, and no fault.
        if (Own is null || Own.Count > 64) yield return "follows.own has at most 64 fields";
    }
}
