// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Status;

/// <summary>What to do about a group, for whoever reads it at 3 a.m. Pure.</summary>
internal static class GroupAdvice
{
    public const string Nothing = "nothing";

    public static string Of(GroupInfo group, string here) => group.State switch
    {
        GroupState.Protected when group.Source?.Unprotected is [{ Problem: null } disk, ..] =>
            $"lifeboat volume protect {Name(group)} {disk.Volume}, at {group.Definition.PrimarySite}",
        GroupState.Protected or GroupState.Initializing or GroupState.Resyncing or GroupState.Reprotecting => Nothing,
        GroupState.FailingOver => "wait for the run",
        GroupState.FailedOver =>
            $"when site {group.Definition.RecoverySite} is back: lifeboat failback {Name(group)} there",
        GroupState.Degraded when group.Definition.RecoverySite == here && group.Reason == ReasonCode.LinkDown =>
            $"if site {group.Definition.PrimarySite} is lost: lifeboat failover {Name(group)}",
        GroupState.Degraded => "it comes back by itself; see the reason",
        GroupState.Suspended when group.Definition.PrimarySite == here =>
            $"nothing, or: lifeboat group resume {Name(group)}",
        GroupState.Suspended => "nothing: it resumes by itself",
        GroupState.Diverged =>
            $"lifeboat group divergence {Name(group)}, then group resolve at {group.Definition.PrimarySite}",
        GroupState.Error => "see the reason and the logs",
    };

    private static string Name(GroupInfo group) => group.Definition.Name;
}
