// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using static Lifeboat.Protection.ReasonCode;

namespace Lifeboat.Controller.Api.Description;

internal static partial class ApiOperations
{
    private const string Policy = "/v1/policies/{policy}";

    private static ApiOperation[] Policies =>
    [
        new("GET /v1/policies", "policies", "The named policies of this site, by name.") { List = PolicyList },
        new($"GET {Policy}", "policy", "One named policy, and the groups that follow it."),
        new("POST /v1/policies", "createPolicy", "Makes a named policy.", TenantUnknown, Conflict)
        {
            Status = 201,
            Answer = typeof(NamedPolicy),
        },
        new($"PATCH {Policy}", "changeNamedPolicy",
            "Changes a named policy; the groups that follow it and run at this site follow at once.", Conflict),
        new($"DELETE {Policy}", "deletePolicy", "Deletes a named policy that no group follows.", Conflict)
        {
            Status = 204,
        },
        new($"POST {Policy}/settle", "settlePolicy",
            "Says which site's changes of a policy stay, of those that contradict each other.", WrongState, Conflict)
        {
            Description = "At either site. Where one deleted what the other changed, keeping the deletion deletes it, "
                + "and is refused while groups follow it.",
        },
        new("GET /v1/plans", "plans", "What the runs of each group are made from, by group.") { List = PlanList },
        new($"GET {Group}/plan", "groupPlan", "What the group's runs are made from: boot order and checks."),
        new($"PATCH {Group}/plan", "changePlan", "Changes what the group's runs are made from.",
            WrongSite, AgentUnreachable)
        {
            Description = "To be sent where its instances run, or to the other site while that one does not answer.",
            Edits = true,
        },
        new("POST /v1/declarations", "apply", "Makes what is there as files declare it, or says what would change.",
            PreconditionFailed, Conflict, QuotaExceeded, PeerUnreachable, AgentUnreachable, TenantUnknown)
        {
            Description = "Every fault of every file is told at once, with its line and column, and then nothing is "
                + "done. With the tag of a dry run, nothing is done either if something else would change by now.",
        },
        new("GET /v1/declarations", "export", "What is there, as YAML that applies to no change.")
        {
            Answer = typeof(string),
            MediaType = "application/yaml",
            Description = "Of the caller's tenant or the one that the request is about, else of the whole site: as "
                + "much as the caller may see.",
        },
    ];
}
