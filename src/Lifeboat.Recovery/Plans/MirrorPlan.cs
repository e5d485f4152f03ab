// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Lifeboat.Recovery.Steps;

namespace Lifeboat.Recovery.Plans;

/// <summary>
/// The recipes of groups whose storage mirrors their volumes. A drill is of clones; a move promotes the copy. From when
/// the group has its new epoch on a move only goes forward: what was promoted is not demoted again by itself.
/// </summary>
// What the site that is left holds is let go of before anything is mirrored back: the mirror removes copies whose
// primary is gone, and a volume that was left is not to be one of them.
internal static class MirrorPlan
{
    private static readonly TimeSpan ArrivalLimit = TimeSpan.FromHours(12);

    public static IReadOnlyList<PlannedStep> For(RunKind kind, GroupDefinition group, RunInput input,
        bool protectedNow) => kind switch
    {
        RunKind.TestFailover => [.. VolumePlan.Drill(input)],
        RunKind.Failover => [.. Failover(Roles.Of(group), input)],
        RunKind.PlannedFailover => [.. PlannedFailover(Roles.Of(group))],
        RunKind.Reprotect => [.. VolumePlan.Reprotect(Roles.Of(group))],
        RunKind.Failback => [.. Failback(Roles.Of(group), protectedNow)],
        // It has no fork, and a resolve needs one: RunRules refuses it.
        RunKind.Resolve => [],
    };

    private static IEnumerable<PlannedStep> Failover(Roles before, RunInput input)
    {
        yield return new(new PickPoint(input.PointId));
        yield return new(new RaiseEpoch(before.Turned(), before, [before.Recovery]), Barrier: true);
        yield return new(new TakeOverVolumes(Lost: true), Barrier: true);
        yield return new(new CheckVolumes());
        yield return new(new UnpinPoint());
        yield return new(new CommitMove(), Barrier: true);
    }

    // That no server has the volumes is looked at by who cuts the point.
    private static IEnumerable<PlannedStep> PlannedFailover(Roles before)
    {
        yield return new(new CheckBoth(before.Primary, before.Recovery));
        yield return new(new CutLastPoint(before.Primary, ArrivalLimit));
        yield return new(new PickPoint(null, Clean: true));
        yield return new(new RaiseEpoch(before.Turned(), before, [before.Primary, before.Recovery]), Barrier: true);
        yield return new(new TakeOverVolumes(Lost: false), Barrier: true);
        yield return new(new CheckVolumes());
        yield return new(new StopSource(before.Primary));
        yield return new(new UnpinPoint());
        yield return new(new CommitMove(), Barrier: true);
    }

    private static IEnumerable<PlannedStep> Failback(Roles before, bool protectedNow)
    {
        var away = protectedNow ? before : before.Again();
        if (!protectedNow)
            foreach (var step in VolumePlan.Reprotect(before)) yield return step;
        foreach (var step in PlannedFailover(away)) yield return step;
        foreach (var step in VolumePlan.Reprotect(away.Turned())) yield return step;
    }
}
