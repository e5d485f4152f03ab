// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using static Lifeboat.Protection.ReasonCode;

namespace Lifeboat.Controller.Api.Description;

internal static partial class ApiOperations
{
    private static ApiOperation[] Site =>
    [
        new("GET /v1/site", "site", "What this site is, what its agents do, and which sites it is paired with."),
        new("GET /v1/status", "status",
            "Whether everything can be recovered now, to when, how long it takes, what is wrong and what to do.")
        {
            Description = "What needs somebody comes first. How long it takes is what the last run that succeeded "
                + "took, and known at the site where it ran.",
        },
        new("POST /v1/site/tokens", "createToken",
            "Makes a one-time token that lets one other site pair with this one.")
        {
            AnswersSecret = true,
        },
        new("POST /v1/site/pair", "pair", "Pairs this site with the one that made the token.",
            PairingTokenRefused, Conflict, PeerUnreachable, CertificateRefused)
        {
            Description = "Afterwards both trust each other's certificate authority.",
        },
        new("POST /v1/site/certificates", "rotateCertificates",
            "Gives this site's controller and agents new certificates; connections that are there go on.", Conflict),
        new("GET /v1/controllers", "controllers", "The controllers of this site that live, and what each works on.")
        {
            Description = "Any of them is asked; each group is worked on by one.",
        },
        new("GET /v1/events", "events", "Changes that were asked for and what came of them, newest first.")
        {
            List = EventList,
        },
        new("GET /v1/events/stream", "watchEvents", "What happens at the site, as server-sent events.")
        {
            Description = "States of groups, versions of definitions, newest points, steps of runs, alerts. Each "
                + "has an `id`; whoever lost the connection goes on behind the last one with `Last-Event-ID` (or "
                + "`after`), over restarts of the controller too. Without either only what happens from now on is "
                + "sent.",
            Answer = typeof(SiteEvent),
            MediaType = "text/event-stream",
        },
        new("GET /metrics", "metrics", "Figures as Prometheus text.")
        {
            Answer = typeof(string),
            MediaType = "text/plain",
        },
        new("GET /readyz", "readiness", "Whether this controller can do its work, and which parts answer it.")
        {
            Answer = typeof(Readiness),
            Description = "A dead agent or peer does not make it unready: recovering from that is its work.",
        },
        new("GET /v1/links/{peer}", "link", "Caps, compression and figures of what is shipped to a paired site.",
            AgentUnreachable),
        new("PATCH /v1/links/{peer}", "changeLink",
            "Changes what is shipped to a paired site and how, without a new connection.", AgentUnreachable)
        {
            Answer = typeof(LinkStatus),
        },
    ];

    private static ApiOperation[] Instances =>
    [
        new("GET /v1/instances", "instances", "The virtual machines that this site knows.")
        {
            List = InstanceList,
        },
        new("GET /v1/instances/{name}", "instance", "One virtual machine."),
        new("POST /v1/instances", "adopt", "Takes in a running instance that the site did not start.",
            MonitorUnreachable, InstanceExists, HostUnknown)
        {
            Description = "Nothing in the instance is touched.",
        },
        new("POST /v1/instances/{name}/start", "startInstance", "Starts an instance from its description.",
            Conflict, BootFileMissing, NetworkUnknown, HostUnknown),
        new("POST /v1/instances/{name}/migrate", "migrateInstance",
            "Moves a running instance to another host, and its groups' source to the agent there.",
            HostUnknown, Conflict, PeerUnreachable, MonitorUnreachable),
        new("POST /v1/instances/{name}/stop", "stopInstance", "Stops an instance hard.") { Status = 204 },
        new("DELETE /v1/instances/{name}", "removeInstance",
            "Stops an instance and removes the site's record of it; its user's own disks are left alone.", Conflict)
        {
            Status = 204,
        },
    ];
}
