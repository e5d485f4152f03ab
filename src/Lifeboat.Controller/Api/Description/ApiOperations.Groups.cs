// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using static Lifeboat.Protection.ReasonCode;

namespace Lifeboat.Controller.Api.Description;

internal static partial class ApiOperations
{
    private const string Group = "/v1/groups/{group}";
    private const string Volume = Group + "/volumes/{volume}";

    private static ApiOperation[] Groups =>
    [
        new("GET /v1/groups", "groups", "The protection groups of this site, by name.")
        {
            List = GroupList,
        },
        new($"GET {Group}", "group", "One protection group: its definition, state, newest point and exposure."),
        new("POST /v1/groups", "createGroup", "Protects instances.",
            GroupExists, InstanceUnknown, VolumeUnknown, SiteUnknown, PeerUnreachable, AgentUnreachable, Conflict,
            TargetTooSmall, TargetFull, MonitorUnreachable, BootFileMissing)
        {
            Status = 201,
            Answer = typeof(GroupInfo),
            Description = "To be sent to the site that runs the instances. Everything is checked before anything is "
                + "made; the first copy is made afterwards, see the group's state.",
        },
        new($"DELETE {Group}", "deleteGroup",
            "Ends protection: the instances stay as they are, the replica and its history are deleted.", RunInProgress)
        {
            Status = 204,
            Edits = true,
        },
        new($"PATCH {Group}/policy", "changePolicy", "Changes a group's policy as it runs.",
            WrongSite, Conflict, AgentUnreachable)
        {
            Answer = typeof(GroupInfo),
            Description = "To be sent where its instances run, or to the other site while that one does not answer.",
            Edits = true,
        },
        new($"POST {Group}/settle", "settleGroup",
            "Says which site's edits of a group stay, of those that contradict each other.",
            WrongState, AgentUnreachable)
        {
            Answer = typeof(GroupInfo),
            Description = "To be sent to either site. What one site deleted and the other one edited is not settled "
                + "so: the group is gone where it was deleted, and deleting it ends it at the other one.",
            Edits = true,
        },
        new($"POST {Group}/scrub", "scrub", "Begins to read and verify all of the group's replica.",
            WrongSite, AgentUnreachable)
        {
            Answer = typeof(GroupInfo),
            Description = "To be sent to its recovery site; the replica's health says how far it is.",
        },
        new($"GET {Group}/divergence", "divergence", "What both sides of a fork hold.", WrongState, PeerUnreachable),
        new($"POST {Group}/suspend", "suspendGroup", "Stops shipping for a while; it resumes by itself.",
            WrongSite, WrongState, AgentUnreachable)
        {
            Answer = typeof(GroupInfo),
            Edits = true,
        },
        new($"POST {Group}/resume", "resumeGroup", "Ends a suspension.", WrongSite, AgentUnreachable)
        {
            Answer = typeof(GroupInfo),
            Edits = true,
        },
        new($"POST {Volume}/release", "releaseVolume",
            "Lets go of one volume for what QEMU refuses while a mirror uses it; it is captured again by itself.",
            WrongSite, WrongState, AgentUnreachable)
        {
            Answer = typeof(GroupInfo),
        },
        new($"POST {Volume}/capture", "captureVolume", "Ends the release of a volume.", WrongSite, AgentUnreachable)
        {
            Answer = typeof(GroupInfo),
        },
        new($"POST {Volume}/resize", "resizeVolume", "Makes a disk of the running instance longer.",
            WrongSite, WrongState, AgentUnreachable, TargetFull)
        {
            Answer = typeof(GroupInfo),
        },
        new($"POST {Volume}/protect", "protectVolume", "Takes a disk into its group, at both sites.",
            WrongSite, Conflict, PeerUnreachable, AgentUnreachable, TargetTooSmall, TargetFull)
        {
            Answer = typeof(GroupInfo),
            Edits = true,
        },
        new($"POST {Group}/digest", "sourceDigest", "Reads all of a group's disks where they run.",
            WrongSite, WrongState, AgentUnreachable)
        {
            Answer = typeof(GroupDigest),
            ReadsOnly = true,
            Description = "Answers when all is read; hanging up gives it up.",
        },
        new($"GET {Group}/seed", "seedProgress", "How far the group's seed is.", AgentUnreachable),
        new($"POST {Group}/seed/export", "exportSeed", "Writes a seed of the group's disks while its instances run.",
            WrongSite, WrongState, AgentUnreachable, TargetFull)
        {
            Answer = typeof(SeedInfo),
        },
        new($"POST {Group}/seed/import", "importSeed",
            "Verifies a seed and lets the group's replica begin with it.", WrongSite, WrongState, AgentUnreachable)
        {
            Answer = typeof(SeedInfo),
            Description = "To be sent to the recovery site.",
        },
        new("GET /v1/applications", "applications", "Groups that share cuts, by application.")
        {
            List = ApplicationList,
        },
        new("GET /v1/applications/{application}/points", "sharedPoints",
            "Points that every group of the application has, oldest first.", GroupUnknown, PeerUnreachable)
        {
            List = SharedPointList,
        },
        new("POST /v1/applications/{application}/points", "createSharedPoint",
            "Cuts one point over all groups of the application.",
            GroupUnknown, PeerUnreachable, AgentUnreachable, Protection.ReasonCode.Timeout, WrongState)
        {
            Status = 201,
            Answer = typeof(SharedPointResult),
            Description = "Answers when it is sealed in every one.",
        },
    ];
}
