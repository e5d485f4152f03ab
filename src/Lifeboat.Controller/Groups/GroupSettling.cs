// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Sides;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Groups;

/// <summary>Chooses among what two sites made of one group while they did not hear of each other, at either.</summary>
internal sealed class GroupSettling(LocalSide here, GroupEdits edits)
{
    /// <exception cref="ProblemException">
    /// GroupUnknown; WrongState: nothing is contested, or the group is gone at the other site; InvalidRequest with all
    /// faults.
    /// </exception>
    public async Task<GroupDefinition> SettleAsync(string group, SettleRequest request, CancellationToken ct)
    {
        var now = here.Require(group);
        var all = GroupMerging.Conflicts(now);
        var conflicts = all.Where(c => c.Field != GroupMerging.Deleted).ToList();
        var deleted = all.Except(conflicts).FirstOrDefault();
        var wantsIt = deleted is not null && (request.Fields is not { Count: > 0 } some ? conflicts.Count == 0
            : some.Contains(GroupMerging.Deleted));
        if (wantsIt) ThrowUnlessKept(now, deleted!, request);
        if (all.Count == 0)
            throw new ProblemException(ReasonCode.WrongState, $"nothing about group {group} is contested",
                GroupMerging.Faults(now).Count == 0 ? "There is nothing to settle."
                    : $"What was edited does not go together; change it with `lifeboat group policy {group}`.");
        var fields = request.Fields?.Where(f => f != GroupMerging.Deleted || deleted is null).ToList();
        var chosen = wantsIt && fields is not { Count: > 0 } ? []
            : DefinitionSettling.Chosen(now.Edits!, conflicts, request with { Fields = fields }, $"group {group}");
        var next = GroupFields.With(now, chosen);
        if (next.Problems().ToList() is { Count: > 0 } faults)
            throw new ProblemException(ReasonCode.InvalidRequest, $"group {group} would have faults",
                "Settle it field by field, or change it.", faults);
        return await edits.SaveAsync(now, next, [.. chosen.Select(c => c.Key)], ct);
    }

    // A group is deleted by who may delete it, and what is gone at the other site is not brought back by a word.
    private static void ThrowUnlessKept(GroupDefinition now, DefinitionConflict deleted, SettleRequest request)
    {
        var delete = $"`lifeboat group delete {now.Name}` ends it here too; protect it anew then, if it is wanted.";
        if (GroupMerging.IsEndedElsewhere(now))
            throw new ProblemException(ReasonCode.WrongState,
                $"group {now.Name} was deleted at the other site, its part there is gone", delete);
        if (deleted.Values.Any(v => v.Site == request.Keep && !v.Holds))
            throw new ProblemException(ReasonCode.WrongState, $"to settle does not delete group {now.Name}", delete);
    }
}
