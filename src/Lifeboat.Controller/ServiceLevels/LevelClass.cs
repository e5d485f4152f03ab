// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.ServiceLevels;

/// <summary>What a moment counts as; of two different ones the higher counts for the time between. Numbers are stored
/// and never change.</summary>
internal enum LevelClass { Met = 1, Suspended = 2, NotProtected = 3, Missed = 4, Unknown = 5 }

internal static class LevelClasses
{
    public static LevelClass Of(Observation now, GroupInfo group) => group.State switch
    {
        GroupState.Suspended => LevelClass.Suspended,
        GroupState.Initializing or GroupState.FailingOver or GroupState.FailedOver or GroupState.Reprotecting =>
            LevelClass.NotProtected,
        GroupState.Diverged or GroupState.Error => LevelClass.Missed,
        GroupState.Protected or GroupState.Degraded or GroupState.Resyncing => now.Behind(group) switch
        {
            null => LevelClass.Unknown,
            { } behind when behind > group.Definition.Policy.PromisedRpo() => LevelClass.Missed,
            _ => LevelClass.Met,
        },
    };
}
