// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Plans;
using Lifeboat.Recovery.Runs;
using Lifeboat.Recovery.Steps;

namespace Lifeboat.Tests.Recovery;

public sealed class StepCatalogTests
{
    [Fact]
    public void Names_of_steps_are_stored_with_runs_and_never_change() => Assert.Equal(
    [
        "accept-replica", "acknowledge-fork", "check-both-sites", "check-peer", "check-restored-gone", "check-traces",
        "check-volumes", "check-winner", "close-view", "commit", "create-bubble", "cut-clean-point", "cut-last-point",
        "delete-bubble", "hold-open", "keep-state", "move-to-native", "open-kept", "open-view", "open-ways",
        "pick-point", "raise-epoch", "remove-restored", "restore-volumes", "shut-down-instances", "start-instances",
        "start-source", "stop-copies", "stop-instances", "stop-source", "take-over-volumes", "unpin-point",
        "update-dns", "verify", "wait-sealed",
    ], StepCatalog.Shipped().Names.Order(StringComparer.Ordinal));

    [Theory]
    [InlineData(RunKind.TestFailover)]
    [InlineData(RunKind.Failover)]
    [InlineData(RunKind.PlannedFailover)]
    [InlineData(RunKind.Reprotect)]
    [InlineData(RunKind.Failback)]
    public void A_step_is_read_back_as_it_was_planned(RunKind kind)
    {
        var catalog = StepCatalog.Shipped();
        var input = new RunInput(null, ["tcp:22"], kind is RunKind.TestFailover ? TimeSpan.FromMinutes(1) : null, null)
        {
            Ways = ["db1:80@192.0.2.0/24"],
        };
        foreach (var planned in RecoveryPlan.For(kind, RecoveryWorld.Definition, input, protectedNow: false))
        {
            var stored = System.Text.Json.JsonSerializer.SerializeToElement(planned.Step, planned.Step.GetType(),
                RunJson.Options);
            var read = catalog.Read(new RunStep
            {
                Index = 0,
                Name = StepCatalog.NameOf(planned.Step),
                Title = planned.Step.Describe(),
                Parameters = stored,
            });
            Assert.Equal(planned.Step.Describe(), read.Describe());
            Assert.Equivalent(planned.Step, read, strict: true);
        }
    }

    [Fact]
    public void A_failback_is_the_other_runs_one_after_another()
    {
        static IEnumerable<string> Names(RunKind kind, bool isProtected) => RecoveryPlan
            .For(kind, RecoveryWorld.Definition, RunInput.None, isProtected).Select(p => StepCatalog.NameOf(p.Step));

        var reprotect = Names(RunKind.Reprotect, false).ToList();
        var planned = Names(RunKind.PlannedFailover, false).ToList();
        Assert.Equal([.. reprotect, .. planned, .. reprotect], Names(RunKind.Failback, false));
        Assert.Equal([.. planned, .. reprotect], Names(RunKind.Failback, true));
    }

    [Fact]
    public void Epochs_of_a_failback_rise_one_by_one_and_the_primary_role_ends_where_it_runs()
    {
        var raises = RecoveryPlan.For(RunKind.Failback, RecoveryWorld.Definition, RunInput.None, false)
            .Select(p => p.Step).OfType<RaiseEpoch>().ToList();
        Assert.Equal([2L, 3L, 4L], raises.Select(r => r.To.Epoch.Value));
        Assert.Equal(["a", "b", "b"], raises.Select(r => r.To.Primary));
        Assert.All(raises, r => Assert.Equal(r.From.Epoch.Next(), r.To.Epoch));
    }
}
