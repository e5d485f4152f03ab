// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Lifeboat.Recovery.Steps;

namespace Lifeboat.Recovery.Plans;

/// <summary>The recipes. Pure: the same question gives the same steps.</summary>
public static class RecoveryPlan
{
    private static readonly TimeSpan ShutDownLimit = TimeSpan.FromMinutes(5);

    /// <summary>The site a run of this kind runs at: where the instances will run.</summary>
    public static string SiteOf(RunKind kind, GroupDefinition group) => kind switch
    {
        RunKind.TestFailover or RunKind.Failover or RunKind.PlannedFailover or RunKind.Failback => group.RecoverySite,
        RunKind.Reprotect or RunKind.Resolve => group.PrimarySite,
    };

    /// <param name="protectedNow">
    /// The recovery site has a replica of this epoch, so that a failback need not begin with reprotect.
    /// </param>
    public static IReadOnlyList<PlannedStep> For(RunKind kind, GroupDefinition group, RunInput input,
        bool protectedNow) => group.MovedByMirror ? MirrorPlan.For(kind, group, input, protectedNow)
        : group.MovedByCloud ? VolumePlan.For(kind, group, input, protectedNow) : kind switch
    {
        RunKind.TestFailover => [.. Drill(input)],
        RunKind.Failover => [.. Failover(Roles.Of(group), input)],
        RunKind.PlannedFailover => [.. PlannedFailover(Roles.Of(group), input)],
        RunKind.Reprotect => [.. Reprotect(Roles.Of(group), group.Fork)],
        RunKind.Failback => [.. Failback(Roles.Of(group), input, protectedNow, group.Fork)],
        RunKind.Resolve => [.. Resolve(Roles.Of(group), group.Fork!, input.Resolution!)],
    };

    private static IEnumerable<PlannedStep> Drill(RunInput input)
    {
        yield return new(new PickPoint(input.PointId));
        yield return new(new OpenView(Writable: true));
        yield return new(new CreateBubble());
        yield return new(new StartInstances(InBubble: true));
        yield return new(new VerifyInstances(Required: true, input.Checks));
        if (input is { Hold: { } open, Ways.Count: > 0 }) yield return new(new OpenWays(input.Ways, open));
        if (input.Hold is { } hold) yield return new(new HoldOpen(hold));
        yield return new(new StopCopies(), Always: true);
        yield return new(new DeleteBubble(), Always: true);
        yield return new(new CloseView(), Always: true);
        yield return new(new UnpinPoint(), Always: true);
        yield return new(new CheckTraces(), Always: true);
    }

    // The site that is left is not called (I11): only this site is told of the new roles.
    private static IEnumerable<PlannedStep> Failover(Roles before, RunInput input)
    {
        yield return new(new PickPoint(input.PointId));
        yield return new(new RaiseEpoch(before.Turned(), before, [before.Recovery], Forks: true));
        yield return new(new OpenView(Writable: false));
        yield return new(new StartInstances(InBubble: false), Barrier: true);
        yield return new(new VerifyInstances(Required: false, input.Checks));
        yield return new(new UpdateDns());
        foreach (var step in Settle()) yield return step;
    }

    private static IEnumerable<PlannedStep> PlannedFailover(Roles before, RunInput input)
    {
        yield return new(new CheckBoth(before.Primary, before.Recovery));
        yield return new(new ShutDownInstances(before.Primary, ShutDownLimit));
        yield return new(new CutCleanPoint(before.Primary));
        yield return new(new PickPoint(null, Clean: true));
        yield return new(new StopSource(before.Primary));
        yield return new(new RaiseEpoch(before.Turned(), before, [before.Primary, before.Recovery]));
        yield return new(new OpenView(Writable: false));
        yield return new(new StartInstances(InBubble: false), Barrier: true);
        yield return new(new VerifyInstances(Required: false, input.Checks));
        yield return new(new UpdateDns());
        yield return new(new StopInstances(before.Primary));
        foreach (var step in Settle()) yield return step;
    }

    private static IEnumerable<PlannedStep> Settle()
    {
        yield return new(new MoveToNative());
        yield return new(new CloseView());
        yield return new(new UnpinPoint());
        yield return new(new CommitMove(), Barrier: true);
    }

    // Begun by a resolve that did not come to its end, it keeps what gave way just as that would have.
    private static IEnumerable<PlannedStep> Reprotect(Roles before, GroupFork? fork)
    {
        yield return new(new CheckPeer(before.Primary, before.Recovery));
        yield return new(new RaiseEpoch(before.Again(), before, [before.Recovery, before.Primary],
            Loser: fork?.Loser));
        yield return new(new StopInstances(before.Recovery));
        yield return new(new StopSource(before.Recovery));
        yield return new(fork?.Loser == before.Recovery
            ? new KeepState(before.Recovery, fork.KeptName) : new AcceptReplica(before.Recovery, fork?.KeptName));
        yield return new(new StartSource(before.Primary));
        yield return new(new WaitSealed(before.Primary, before.Recovery, before.Again().Epoch), Barrier: true);
    }

    private static IEnumerable<PlannedStep> Failback(Roles before, RunInput input, bool protectedNow,
        GroupFork? fork)
    {
        var away = protectedNow ? before : before.Again();
        if (!protectedNow)
            foreach (var step in Reprotect(before, fork)) yield return step;
        foreach (var step in PlannedFailover(away, input)) yield return step;
        foreach (var step in Reprotect(away.Turned(), null)) yield return step;
    }

    // From the new epoch on there is no way back but another run: a failure later, in the middle of stopping the
    // loser's instances too, leaves the winner primary and running, and is taken up again.
    private static IEnumerable<PlannedStep> Resolve(Roles now, GroupFork fork, Resolution resolution)
    {
        yield return new(new CheckPeer(now.Primary, now.Recovery));
        if (resolution.Choice is ForkChoice.Manual)
        {
            yield return new(new AcknowledgeFork([now.Recovery, now.Primary]));
            yield break;
        }
        var winner = resolution.Winner;
        var after = winner == now.Primary ? now.Again() : now.Turned();
        yield return new(new CheckWinner(winner, resolution.Why));
        // What it still has of a source would go on into the old replica, which is about to go.
        if (winner != now.Primary) yield return new(new StopSource(winner));
        yield return new(new RaiseEpoch(after, now, [after.Recovery, after.Primary], Loser: after.Recovery),
            Barrier: true);
        yield return new(new StopInstances(after.Recovery));
        yield return new(new StopSource(after.Recovery));
        yield return new(new KeepState(after.Recovery, fork.KeptName));
        yield return new(new StartSource(winner));
        yield return new(new WaitSealed(winner, after.Recovery, after.Epoch), Barrier: true);
        if (resolution.Choice is ForkChoice.BothAsVolumes)
            yield return new(new OpenKept(after.Recovery, fork.KeptName));
    }
}

/// <summary>Who is primary in an epoch.</summary>
public sealed record Roles(Epoch Epoch, string Primary, string Recovery)
{
    public static Roles Of(GroupDefinition group) => new(group.Epoch, group.PrimarySite, group.RecoverySite);
    /// <summary>The next epoch with the roles turned round.</summary>
    public Roles Turned() => new(Epoch.Next(), Recovery, Primary);
    /// <summary>The next epoch with the same roles.</summary>
    public Roles Again() => this with { Epoch = Epoch.Next() };
}
