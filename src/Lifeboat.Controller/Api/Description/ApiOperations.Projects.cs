// SPDX-License-Identifier: Apache-2.0
using static Lifeboat.Protection.ReasonCode;

namespace Lifeboat.Controller.Api.Description;

internal static partial class ApiOperations
{
    private const string Project = "/v1/projects/{site}";

    private static ApiOperation[] Projects =>
    [
        new("GET /v1/projects", "projects",
            "What the projects of other sites are like, as it is kept here: all versions, the newest of each first."),
        new($"GET {Project}", "project", "What the project of another site is like, or was in an earlier version.",
            ProjectUnknown),
        new($"POST {Project}/refresh", "refreshProject", "Has a project described anew at its site, now.",
            SiteUnknown, ProjectUnknown, PeerUnreachable, CloudUnavailable, CloudUnauthorised),
        new($"POST {Project}/plan", "planProject",
            "What would be made at this cloud for a project like that one: itself, roles, quotas; and every gap.",
            ProjectUnknown, NotAllowed, CloudUnavailable, CloudUnauthorised)
        {
            ReadsOnly = true,
        },
        new($"POST {Project}/prepare", "prepareProject", "Makes what the plan says.",
            ProjectUnknown, PlanGaps, NotAllowed, Conflict, CloudUnavailable, CloudUnauthorised)
        {
            Description = "Repeating it changes nothing more. No quota is lowered, nobody's role is taken, and a "
                + "project that was not made by Lifeboat is changed only with `extend`.",
        },
        new($"POST {Project}/remove", "removeProject", "Removes the project that was made here, when it is empty.",
            ProjectUnknown, WrongState, NotAllowed, CloudUnavailable, CloudUnauthorised),
    ];
}
