// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;

namespace Lifeboat.Controller.Api.Description;

internal static partial class ApiOperations
{
    private static ApiOperation[] Quiesces =>
    [
        new("GET /v1/quiesces", "quiesces",
            "What was brought to rest by request and is not thawed by one; newest first."),
        new("POST /v1/instances/{name}/quiesce", "quiesceInstance",
            "Brings an instance to rest and holds it there until a thaw, or the limit.", ReasonCode.QuiesceFailed,
            ReasonCode.GuestAgentUnreachable, ReasonCode.AgentUnreachable)
        {
            Description = "Whoever dies meanwhile, it goes on at the deadline in the answer at the latest. An instance "
                + "is held by one request at a time.",
        },
        new("POST /v1/instances/{name}/thaw", "thawInstance",
            "Lets an instance go on; may be repeated, and reaches one that nobody holds, too.",
            ReasonCode.AgentUnreachable),
        new("POST /v1/groups/{group}/quiesce", "quiesceGroup",
            "Brings all instances of a group to rest, in the order of their rules, and holds them there.",
            ReasonCode.QuiesceFailed, ReasonCode.GuestAgentUnreachable, ReasonCode.AgentUnreachable,
            ReasonCode.WrongSite),
        new("POST /v1/groups/{group}/thaw", "thawGroup",
            "Lets the instances of a group go on, in reverse order; may be repeated.", ReasonCode.AgentUnreachable,
            ReasonCode.WrongSite),
        new("GET /v1/followups", "followUps", "What waits for somebody to look at it; newest first.")
        {
            Description = "Those that somebody closed only with `closed`.",
        },
        new("POST /v1/followups/{id:guid}/close", "closeFollowUp", "Closes a follow-up, with a reason.",
            ReasonCode.FollowUpUnknown),
    ];
}
