// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>
/// A site that starts instances again from the disks they had writes over what those hold only when that is held: in
/// the group's history, or kept beside it (I5).
/// </summary>
public sealed class HomecomingTests
{
    [Fact]
    public async Task What_nobody_received_is_kept_before_it_is_written_over()
    {
        await using var sites = await StartAsync();
        await sites.FailOverWithADeadAsync();
        Assert.Equal(RunState.Succeeded, (await sites.RunAsync(sites.B, RunKind.Reprotect)).State);
        Assert.Equal("fork-2", Assert.Single(sites.A.Agent.Kept("shop")).Name);
        await UntilAsync(sites.B, GroupState.Protected);
        // Protected again already, so that nothing would be copied before it is started.
        sites.A.Site.RunByHand("db1", InstancePower.Running);
        var plan = await sites.A.Client.PlanAsync("shop", new StartRunRequest { Kind = RunKind.Failback }, Ct);
        Assert.Contains("reprotect stops it", Assert.Single(plan.Gaps));
    }

    [Fact]
    public async Task One_command_copies_and_comes_home()
    {
        await using var sites = await StartAsync();
        await sites.FailOverWithADeadAsync();
        Assert.Equal(RunState.Succeeded, (await sites.RunAsync(sites.A, RunKind.Failback)).State);
        Assert.All(sites.A.Site.RequestOf("db1").Disks, d => Assert.True(d.Held));
    }

    [Fact]
    public async Task What_somebody_wrote_meanwhile_is_not_written_over_before_it_was_copied()
    {
        await using var sites = await StartAsync();
        await sites.FailOverWithADeadAsync();
        Assert.Equal(RunState.Succeeded, (await sites.RunAsync(sites.B, RunKind.Reprotect)).State);
        await UntilAsync(sites.B, GroupState.Protected);
        sites.A.Site.RunByHand("db1");
        var plan = await sites.A.Client.PlanAsync("shop", new StartRunRequest { Kind = RunKind.Failback }, Ct);
        Assert.Equal(["vda", "vdb"], plan.Gaps.Where(g => g.Contains("may be nowhere else"))
            .Select(g => g.Split("disk ")[1].Split(':')[0]));

        Assert.Equal(RunState.Succeeded, (await sites.RunAsync(sites.B, RunKind.Reprotect)).State);
        Assert.Equal(["fork-2", "left-4"], sites.A.Agent.Kept("shop").Select(k => k.Name).Order());
        await UntilAsync(sites.B, GroupState.Protected);
        Assert.Equal(RunState.Succeeded, (await sites.RunAsync(sites.A, RunKind.Failback)).State);
        Assert.All(sites.A.Site.RequestOf("db1").Disks, d => Assert.True(d.Held));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task After_a_planned_move_only_what_was_started_by_hand_is_kept(bool startedByHand)
    {
        await using var sites = await StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        Assert.Equal(RunState.Succeeded, (await sites.RunAsync(sites.B, RunKind.PlannedFailover)).State);
        if (startedByHand) sites.A.Site.RunByHand("db1");
        Assert.Equal(RunState.Succeeded, (await sites.RunAsync(sites.B, RunKind.Reprotect)).State);
        Assert.Equal(startedByHand ? ["left-3"] : [], sites.A.Agent.Kept("shop").Select(k => k.Name));
        await UntilAsync(sites.B, GroupState.Protected);
        Assert.Equal(RunState.Succeeded, (await sites.RunAsync(sites.A, RunKind.Failback)).State);
        Assert.All(sites.A.Site.RequestOf("db1").Disks, d => Assert.True(d.Held));
    }

    [Fact]
    public async Task A_site_that_cannot_tell_keeps_nothing_and_writes_nothing_over()
    {
        await using var sites = await StartAsync();
        sites.A.Site.WritesOver = false;
        await sites.FailOverWithADeadAsync();
        Assert.Equal(RunState.Succeeded, (await sites.RunAsync(sites.B, RunKind.Reprotect)).State);
        Assert.Empty(sites.A.Agent.Kept("shop"));
        await UntilAsync(sites.B, GroupState.Protected);
        Assert.Equal(RunState.Succeeded, (await sites.RunAsync(sites.A, RunKind.Failback)).State);
        Assert.All(sites.A.Site.RequestOf("db1").Disks, d => Assert.False(d.Held));
    }

    private static async Task<TwoSites> StartAsync()
    {
        var sites = await TwoSites.StartAsync();
        sites.A.Site.WritesOver = true;
        sites.A.Site.DiskFolder = sites.A.Paths.Root;
        foreach (var disk in new[] { "vda", "vdb" })
            await File.WriteAllBytesAsync(Path.Combine(sites.A.Paths.Root, $"{disk}.raw"), new byte[512], Ct);
        return sites;
    }
}
