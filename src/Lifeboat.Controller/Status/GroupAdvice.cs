// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
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
        GroupState.FailedOver when group.Source?.Phase is SourcePhase.Fenced =>
            $"wait until site {group.Definition.RecoverySite} has said what holds now",
        GroupState.FailedOver when group.Definition.RecoverySite == here => $"lifeboat failback {Name(group)}",
        GroupState.FailedOver =>
            $"when site {group.Definition.RecoverySite} is back: lifeboat failback {Name(group)} there",
        GroupState.Degraded when group.Definition.RecoverySite == here && group.Reason == ReasonCode.LinkDown =>
            $"if site {group.Definition.PrimarySite} is lost: lifeboat failover {Name(group)}",
        GroupState.Degraded => "it comes back by itself; see the reason",
        GroupState.Suspended when group.Definition.PrimarySite == here =>
            $"nothing, or: lifeboat group resume {Name(group)}",
        GroupState.Suspended => "nothing: it resumes by itself",
        GroupState.Diverged =>
            $"lifeboat group divergence {Name(group)}, then group resolve at {TookOver(group, here)}",
        GroupState.Error => "see the reason and the logs",
    };

    /// <summary>The site that took a diverged group over, where somebody chooses.</summary>
    public static string TookOver(GroupInfo group, string here) =>
        // A source that was refused knows it before its definition does.
        group.Reason is ReasonCode.PrimaryMoved && group.Definition.PrimarySite == here
            ? group.Definition.RecoverySite : group.Definition.PrimarySite;

    private static string Name(GroupInfo group) => group.Definition.Name;
}
