// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Policies;

/// <summary>Tells of named policies that sites changed in ways that contradict each other.</summary>
internal sealed class PolicyConflicts(PolicyStore store) : IRaisesAlerts
{
    public IReadOnlyList<Condition> Conditions(Observation now) =>
    [
        .. from policy in store.All()
           let conflicts = PolicyMerging.Conflicts(policy)
           where conflicts.Count > 0 || policy.Faults.Count > 0
           select Of(policy, conflicts),
    ];

    private static Condition Of(StoredPolicy policy, IReadOnlyList<DefinitionConflict> conflicts) => new(
        AlertKind.PolicyConflict, AlertSeverity.Warning, policy.Name, ReasonCode.Conflict,
        conflicts.Count > 0
            ? $"sites changed policy {policy.Name} while they did not hear of each other: "
                + string.Join("; ", conflicts.Select(DefinitionSettling.Text))
            : $"what sites changed in policy {policy.Name} does not go together: {string.Join("; ", policy.Faults)}",
        conflicts.Count > 0
            ? $"Each goes on with what it has. `lifeboat policy settle {policy.Name} --keep SITE` at either chooses."
            : $"What held before holds on. `lifeboat policy set {policy.Name}` at either site makes it sound.")
    {
        Tenant = policy.Tenant,
        Patience = TimeSpan.Zero,
    };
}
