// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Groups;

/// <summary>Tells of groups that both sites edited in ways that contradict each other, or one deleted.</summary>
internal sealed class GroupConflicts(GroupStore store) : IRaisesAlerts
{
    public IReadOnlyList<Condition> Conditions(Observation now) =>
    [
        .. from record in store.Now().Values
           let text = record.Removed ? Gone(record.Definition) : Edited(record.Definition)
           where text is not null
           select Of(record.Definition, text.Value),
    ];

    private static (string Summary, string Advice)? Edited(GroupDefinition group)
    {
        var (conflicts, faults) = (GroupMerging.Conflicts(group), GroupMerging.Faults(group));
        if (conflicts.Count == 0 && faults.Count == 0) return null;
        var name = group.Name;
        if (GroupMerging.IsEndedElsewhere(group))
            return ($"one site deleted group {name} while the other one edited it: {Text(conflicts)}",
                $"It is here as it was, and gone there. `lifeboat group delete {name}` here ends it; protect it anew "
                + "then, if it is wanted.");
        return conflicts.Count > 0
            ? ($"both sites edited group {name} while they did not hear of each other: {Text(conflicts)}",
                $"What site {group.PrimarySite} made of it holds, where it runs. `lifeboat group settle {name} --keep "
                + "SITE` at either chooses.")
            : ($"what both sites edited of group {name} does not go together: {string.Join("; ", faults)}",
                $"What held before holds on. `lifeboat group policy {name}` or `lifeboat plan set {name}` makes it "
                + "sound.");
    }

    private static (string Summary, string Advice)? Gone(GroupDefinition group) => !GroupMerging.IsSplit(group) ? null
        : ($"group {group.Name} was deleted here while the other site edited it: {Text(GroupMerging.Conflicts(group))}",
            $"It is still there. `lifeboat group delete {group.Name}` there ends it.");

    private static Condition Of(GroupDefinition group, (string Summary, string Advice) text) => new(
        AlertKind.GroupConflict, AlertSeverity.Warning, group.Name, ReasonCode.Conflict, text.Summary, text.Advice)
    {
        Group = group.Name,
        Tenant = group.Tenant,
        Patience = TimeSpan.Zero,
    };

    private static string Text(IEnumerable<DefinitionConflict> conflicts) =>
        string.Join("; ", conflicts.Select(DefinitionSettling.Text));
}
