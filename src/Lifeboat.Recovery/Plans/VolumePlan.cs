// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Lifeboat.Recovery.Steps;

namespace Lifeboat.Recovery.Plans;

/// <summary>
/// The recipes of groups that are moved by backups: nothing runs, volumes are restored. What they were restored from
/// stays as it is at the site that is left, so two sites never have a history that would part.
/// </summary>
internal static class VolumePlan
{
    // A full backup of large volumes takes hours.
    private static readonly TimeSpan CleanLimit = TimeSpan.FromHours(12);

    public static IReadOnlyList<PlannedStep> For(RunKind kind, GroupDefinition group, RunInput input,
        bool protectedNow) => kind switch
    {
        RunKind.TestFailover => [.. Drill(input)],
        RunKind.Failover => [.. Failover(Roles.Of(group), input)],
        RunKind.PlannedFailover => [.. PlannedFailover(Roles.Of(group))],
        RunKind.Reprotect => [.. Reprotect(Roles.Of(group))],
        RunKind.Failback => [.. Failback(Roles.Of(group), protectedNow)],
        // It has no fork, and a resolve needs one: RunRules refuses it.
        RunKind.Resolve => [],
    };

    internal static IEnumerable<PlannedStep> Drill(RunInput input)
    {
        yield return new(new PickPoint(input.PointId));
        yield return new(new RestoreVolumes(Copies: true));
        yield return new(new CheckVolumes());
        if (input.Hold is { } hold) yield return new(new HoldOpen(hold));
        yield return new(new RemoveRestored(), Always: true);
        yield return new(new UnpinPoint(), Always: true);
        yield return new(new CheckRestoredGone(), Always: true);
    }

    private static IEnumerable<PlannedStep> Failover(Roles before, RunInput input)
    {
        yield return new(new PickPoint(input.PointId));
        yield return new(new RaiseEpoch(before.Turned(), before, [before.Recovery]));
        foreach (var step in Settle()) yield return step;
    }

    // That no server has the volumes is looked at by who cuts the point.
    private static IEnumerable<PlannedStep> PlannedFailover(Roles before)
    {
        yield return new(new CheckBoth(before.Primary, before.Recovery));
        yield return new(new CutCleanPoint(before.Primary, CleanLimit));
        yield return new(new PickPoint(null, Clean: true));
        yield return new(new StopSource(before.Primary));
        yield return new(new RaiseEpoch(before.Turned(), before, [before.Primary, before.Recovery]));
        foreach (var step in Settle()) yield return step;
    }

    private static IEnumerable<PlannedStep> Settle()
    {
        yield return new(new RestoreVolumes(Copies: false), Barrier: true);
        yield return new(new CheckVolumes());
        yield return new(new UnpinPoint());
        yield return new(new CommitMove(), Barrier: true);
    }

    internal static IEnumerable<PlannedStep> Reprotect(Roles before)
    {
        yield return new(new CheckPeer(before.Primary, before.Recovery));
        yield return new(new RaiseEpoch(before.Again(), before, [before.Recovery, before.Primary]));
        yield return new(new StopSource(before.Recovery));
        yield return new(new AcceptReplica(before.Recovery, null));
        yield return new(new StartSource(before.Primary));
        yield return new(new WaitSealed(before.Primary, before.Recovery, before.Again().Epoch), Barrier: true);
    }

    private static IEnumerable<PlannedStep> Failback(Roles before, bool protectedNow)
    {
        var away = protectedNow ? before : before.Again();
        if (!protectedNow)
            foreach (var step in Reprotect(before)) yield return step;
        foreach (var step in PlannedFailover(away)) yield return step;
        foreach (var step in Reprotect(away.Turned())) yield return step;
    }
}
