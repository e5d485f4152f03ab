// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Api.Requests;
using static Lifeboat.Protection.ReasonCode;

namespace Lifeboat.Controller.Api.Description;

internal static partial class ApiOperations
{
    private const string Point = Group + "/points/{point:guid}";
    private const string Run = "/v1/runs/{run:guid}";

    private static ApiOperation[] Points =>
    [
        new($"GET {Group}/points", "points", "The moments that the group can be recovered to, oldest first.",
            PeerUnreachable, AgentUnreachable)
        {
            List = PointList,
        },
        new($"GET {Point}", "point", "One recovery point.", PeerUnreachable, AgentUnreachable),
        new($"POST {Group}/points", "createPoint", "Cuts a recovery point now.",
            WrongSite, WrongState, QuiesceFailed, GuestAgentUnreachable, AgentUnreachable,
            Protection.ReasonCode.Timeout)
        {
            Status = 201,
            Answer = typeof(CheckpointResult),
            Description = "Answers when it is sealed at the recovery site.",
        },
        new($"PUT {Point}/pins/{{pin}}", "pin", "Keeps a point from being folded.",
            WrongSite, AgentUnreachable)
        {
            Status = 204,
            Description = "The same name again moves the pin.",
        },
        new($"DELETE {Point}/pins/{{pin}}", "unpin", "Takes a pin away.", WrongSite, AgentUnreachable) { Status = 204 },
        new($"POST {Group}/points/digest", "newestPointDigest",
            "Reads all of the newest recovery point that is not damaged.", WrongSite, NoRecoveryPoint, ReplicaDamaged,
            AgentUnreachable)
        {
            Answer = typeof(GroupDigest),
            ReadsOnly = true,
            Description = "To be sent to the recovery site. Answers when all is read; hanging up gives it up.",
        },
        new($"POST {Point}/digest", "pointDigest", "Reads all of a recovery point.",
            WrongSite, ReplicaDamaged, AgentUnreachable)
        {
            Answer = typeof(GroupDigest),
            ReadsOnly = true,
            Description = "To be sent to the recovery site. Answers when all is read; hanging up gives it up.",
        },
        new($"POST {Group}/views", "openView", "Opens a point in time as NBD exports.",
            WrongSite, Conflict, AgentUnreachable, ReplicaDamaged)
        {
            Answer = typeof(ViewInfo),
            Description = "To be sent to the group's recovery site.",
        },
        new($"DELETE {Group}/views/{{view}}", "closeView",
            "Closes a view; what was written to it is dropped. Closing what is closed succeeds.",
            WrongSite, AgentUnreachable)
        {
            Status = 204,
        },
    ];

    private static ApiOperation[] Runs =>
    [
        new($"POST {Group}/plan", "plan",
            "What a run would do, how long each step took before, and what is missing for it.",
            WrongSite, WrongState, Diverged)
        {
            ReadsOnly = true,
        },
        new($"POST {Group}/runs", "startRun", "Starts a run of a recovery plan.",
            WrongSite, WrongState, RunInProgress, PointUnknown, NoRecoveryPoint, Diverged, PeerUnreachable, PlanGaps)
        {
            Status = 202,
            Answer = typeof(RunInfo),
            Description = "To be sent to the site where the instances will run; the other one refuses and names it.",
        },
        new("GET /v1/runs", "runs", "The runs of this site, newest first.")
        {
            List = RunList,
        },
        new($"GET {Run}", "run", "One run, with what came of its steps so far."),
        new($"GET {Run}/events", "watchRun", "The run as it is now and at every change, until it is finished.")
        {
            Answer = typeof(RunInfo),
            MediaType = "text/event-stream",
        },
        new($"POST {Run}/cancel", "cancelRun", "Stops a run at the next safe point and undoes it.", WrongState)
        {
            Answer = typeof(RunInfo),
            Description = "Refused once instances run after a failover.",
        },
        new($"POST {Run}/release", "releaseRun", "Ends the hold of a test failover.", WrongState)
        {
            Answer = typeof(RunInfo),
        },
        new($"POST {Run}/retry", "retryRun",
            "Goes on with a failed run that was not undone, from the step that failed; of a drill with what could not "
                + "be cleaned up.", WrongState, RunInProgress)
        {
            Status = 202,
            Answer = typeof(RunInfo),
        },
        new("GET /v1/operations", "operations",
            "Changes that were asked for with `Prefer: respond-async`, newest first.")
        {
            List = new ListShape<Operation>(o => Moment(o.CreatedAt, o.Id), descending: true,
                new ListFilter<Operation>("state", "Only operations in this state.", o => [Shown(o.State)])),
        },
        new("GET /v1/operations/{operation:guid}", "operation",
            "What became of such a change, or of a run: state, progress, answer or problem."),
        new($"GET {Run}/report", "report", "The sealed report of a run.", WrongState),
        new($"GET {Run}/report.html", "reportHtml", "The report of a run as a page.", WrongState)
        {
            Answer = typeof(string),
            MediaType = "text/html",
        },
    ];
}
