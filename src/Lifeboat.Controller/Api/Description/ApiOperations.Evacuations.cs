// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Api.Requests;
using static Lifeboat.Protection.ReasonCode;

namespace Lifeboat.Controller.Api.Description;

internal static partial class ApiOperations
{
    private const string Evacuation = "/v1/evacuations/{evacuation:guid}";

    private static ApiOperation[] Evacuations =>
    [
        new("POST /v1/evacuations/plan", "planEvacuation",
            "What an evacuation would do, in which waves, how long it would take, and all that is in its way.")
        {
            ReadsOnly = true,
        },
        new("POST /v1/evacuations", "startEvacuation",
            "Moves the groups of a site, or some of them, to this one in waves.",
            WrongState, Conflict, PeerUnreachable)
        {
            Status = 202,
            Answer = typeof(EvacuationInfo),
            Description = "To be sent to the site that the groups are moved to. Nothing is begun while anything is in "
                + "the way of any of them; all of it is told at once.",
        },
        new("GET /v1/evacuations", "evacuations", "The evacuations to this site, newest first.")
        {
            List = new ListShape<EvacuationInfo>(e => Moment(e.CreatedAt, e.Id), descending: true,
                new("state", "Only evacuations in this state.", e => [Shown(e.State)]),
                new("from", "Only evacuations of this site.", e => [e.From])),
        },
        new($"GET {Evacuation}", "evacuation", "One evacuation, with what has become of each of its groups."),
        new($"POST {Evacuation}/pause", "pauseEvacuation", "Lets no new run begin; those under way go on.", WrongState)
        {
            Answer = typeof(EvacuationInfo),
        },
        new($"POST {Evacuation}/resume", "resumeEvacuation", "Ends a pause.", WrongState)
        {
            Answer = typeof(EvacuationInfo),
        },
        new($"POST {Evacuation}/continue", "continueEvacuation",
            "Lets the next wave begin of an evacuation that waits between two.", WrongState)
        {
            Answer = typeof(EvacuationInfo),
        },
        new($"POST {Evacuation}/cancel", "cancelEvacuation",
            "Ends it before all groups had their turn: runs under way go on to their end, no new one begins.",
            WrongState)
        {
            Answer = typeof(EvacuationInfo),
            Description = "Runs that wait to be approved are withdrawn.",
        },
    ];
}
