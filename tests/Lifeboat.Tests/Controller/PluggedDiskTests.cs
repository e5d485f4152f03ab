// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>A disk is plugged into a protected instance: seen, taken in, moved with it, and left behind.</summary>
public sealed class PluggedDiskTests
{
    private const string Volume = "db1.vdc";

    [Fact]
    public async Task It_is_shown_with_what_to_do_and_taken_in_at_both_sites()
    {
        await using var sites = await PluggedAsync();
        var shown = await UntilAsync(sites.A, g => g.Reason is ReasonCode.VolumeUnprotected);
        Assert.Equal(GroupState.Protected, shown.State);
        Assert.Contains($"lifeboat volume protect shop {Volume}", shown.Detail, StringComparison.Ordinal);
        Assert.Equal([Volume], (await sites.B.Client.GroupAsync("shop", Ct)).Source!.Unprotected.Select(d => d.Volume));
        Assert.Contains(await sites.A.Client.EventsAsync(Ct),
            e => e is { Actor: "site", Outcome: "volume-unprotected", Subject: "shop/" + Volume });

        var before = (await sites.B.Client.PointsAsync("shop", Ct))[^1];
        var protectedNow = await ProtectAsync(sites);
        Assert.Empty(protectedNow.Source!.Unprotected);
        foreach (var site in new[] { sites.A, sites.B })
        {
            var known = (await site.Client.GroupAsync("shop", Ct)).Definition;
            Assert.Equal((protectedNow.Definition.Version, (ushort)2),
                (known.Version, known.Volumes.Single(v => v.Name == Volume).Index));
        }
        Assert.Equal(["db1.vda", "db1.vdb", Volume], sites.A.Agent.SourceSpec("shop")!.Volumes.Select(v => v.Name));
        Assert.Equal(4 << 20, sites.B.Agent.ReplicaSpec("shop")!.Volumes[2].SizeBytes);
        await UntilAsync(sites.A, g => g is { State: GroupState.Protected, Reason: ReasonCode.None });
        Assert.Equal([Volume], (await sites.A.Client.PointAsync("shop", before.Id, Ct)).Without);
        Assert.Equal(protectedNow.Definition.Version, (await ProtectAsync(sites)).Definition.Version);

        var after = await sites.A.Client.CreatePointAsync("shop", new CreatePointRequest(false), Ct);
        await sites.LoseAAsync();
        var failover = await sites.RunAsync(sites.B, RunKind.Failover);
        Assert.Equal((RunState.Succeeded, after.Point.Id), (failover.State, failover.PointId));
        Assert.Equal(["vda", "vdb", "vdc"], await DisksAsync(sites.B, "db1"));
        Assert.Empty((await sites.B.Client.GroupAsync("shop", Ct)).Definition.Former);
    }

    [Fact]
    public async Task A_refusal_says_why_and_changes_nothing_at_either_site()
    {
        await using var sites = await PluggedAsync();
        sites.A.Site.Plug("db1", "odd", 4 << 20, "is a 'fancy-disk'");
        var version = (await sites.A.Client.GroupAsync("shop", Ct)).Definition.Version;

        await RefusedAsync(ReasonCode.WrongSite, () =>
            sites.B.Client.ProtectVolumeAsync("shop", Volume, new ProtectVolumeRequest(), Ct));
        var unknown = await RefusedAsync(ReasonCode.VolumeUnknown, () =>
            sites.A.Client.ProtectVolumeAsync("shop", "db1.vdx", new ProtectVolumeRequest(), Ct));
        Assert.Contains("vda, vdb, vdc, odd", unknown.Detail, StringComparison.Ordinal);
        await RefusedAsync(ReasonCode.VolumeUnknown, () =>
            sites.A.Client.ProtectVolumeAsync("shop", "db2.vda", new ProtectVolumeRequest(), Ct));
        await RefusedAsync(ReasonCode.NotAllowed, () =>
            sites.A.Client.ProtectVolumeAsync("shop", "db1.odd", new ProtectVolumeRequest(), Ct));
        await RefusedAsync(ReasonCode.InvalidRequest, () =>
            sites.A.Client.ProtectVolumeAsync("shop", Volume, new ProtectVolumeRequest("disk.img"), Ct));

        var point = (await sites.B.Client.PointsAsync("shop", Ct))[^1];
        await sites.B.Client.OpenViewAsync("shop", new ViewRequest("look", point.Id, null, false), Ct);
        var open = await RefusedAsync(ReasonCode.Conflict, () => ProtectAsync(sites));
        Assert.Contains("look", open.Detail, StringComparison.Ordinal);
        await sites.B.Client.CloseViewAsync("shop", "look", Ct);

        sites.B.Agent.TargetBytes = 1 << 20;
        await RefusedAsync(ReasonCode.TargetTooSmall, () => ProtectAsync(sites));
        sites.B.Agent.TargetBytes = long.MaxValue;
        await sites.B.StopControllerAsync();
        await RefusedAsync(ReasonCode.PeerUnreachable, () => ProtectAsync(sites));
        await sites.B.StartControllerAsync();
        foreach (var site in new[] { sites.A, sites.B })
            Assert.Equal(version, (await site.Client.GroupAsync("shop", Ct)).Definition.Version);
        Assert.Equal(2, sites.A.Agent.SourceSpec("shop")!.Volumes.Count);

        await UntilAsync(sites.A, g => g.State is GroupState.Protected);
        Assert.Equal(3, (await ProtectAsync(sites)).Definition.Volumes.Count());
    }

    [Fact]
    public async Task A_failover_to_an_older_point_leaves_it_behind_and_the_group_goes_on_without_it()
    {
        await using var sites = await PluggedAsync();
        var before = (await sites.B.Client.PointsAsync("shop", Ct))[^1];
        await ProtectAsync(sites);
        await sites.A.Client.CreatePointAsync("shop", new CreatePointRequest(false), Ct);
        await sites.LoseAAsync();
        var failover = await sites.RunAsync(sites.B,
            new StartRunRequest { Kind = RunKind.Failover, SourceIsDead = true, PointId = before.Id });
        Assert.True(failover.State is RunState.SucceededWithWarnings, $"{failover.State} {failover.Detail}");
        Assert.Contains(failover.Warnings, w => w.Contains(Volume, StringComparison.Ordinal));
        Assert.Equal(["vda", "vdb"], await DisksAsync(sites.B, "db1"));

        await sites.BringABackAsync();
        var home = await UntilAsync(sites.A, g => g.Definition.PrimarySite == "b");
        Assert.Equal((Volume, "a", new Epoch(2)), home.Definition.Former
            .Select(f => (f.Volume.Name, f.Site, f.GivenUp)).Single());
        var reprotect = await sites.RunAsync(sites.B, RunKind.Reprotect);
        Assert.True(reprotect.State is RunState.Succeeded, $"{reprotect.State} {reprotect.Detail}");
        Assert.Equal(["db1.vda", "db1.vdb"], sites.A.Agent.ReplicaSpec("shop")!.Volumes.Select(v => v.Name));

        var failback = await sites.RunAsync(sites.A, RunKind.Failback);
        Assert.True(failback.State is RunState.Succeeded, $"{failback.State} {failback.Detail}");
        sites.A.Site.Plug("db1", "vdc", 4 << 20);
        var again = await ProtectAsync(sites);
        Assert.Empty(again.Definition.Former);
        Assert.Equal(3, again.Definition.Volumes.Count());
    }

    [Fact]
    public async Task A_failover_that_is_rolled_back_gives_nothing_up()
    {
        await using var sites = await PluggedAsync();
        var before = (await sites.B.Client.PointsAsync("shop", Ct))[^1];
        var definition = (await ProtectAsync(sites)).Definition;
        sites.B.Site.FailNext(nameof(Lifeboat.Sites.ISite.StartAsync), Lifeboat.Sites.SiteFault.Refused);
        var failover = await sites.RunAsync(sites.B,
            new StartRunRequest { Kind = RunKind.Failover, SourceIsDead = true, PointId = before.Id });
        Assert.Equal(RunState.RolledBack, failover.State);
        var now = (await sites.B.Client.GroupAsync("shop", Ct)).Definition;
        Assert.Equal(definition.Volumes.Select(v => v.Name), now.Volumes.Select(v => v.Name));
        Assert.Equal(("a", 0), (now.PrimarySite, now.Former.Count));
    }

    [Fact]
    public async Task When_both_sides_wrote_the_kept_state_has_the_disk_and_boots_with_it()
    {
        await using var sites = await PluggedAsync();
        var before = (await sites.B.Client.PointsAsync("shop", Ct))[^1];
        sites.A.Site.DiskFolder = sites.A.Paths.Root;
        foreach (var disk in new[] { "vda", "vdb", "vdc" })
            await File.WriteAllTextAsync(Path.Combine(sites.A.Paths.Root, disk + ".raw"), disk, Ct);
        await ProtectAsync(sites);
        await sites.A.StopControllerAsync();
        sites.Network.Down.Add("a");
        var failover = await sites.RunAsync(sites.B,
            new StartRunRequest { Kind = RunKind.Failover, SourceIsDead = true, PointId = before.Id });
        Assert.Equal(RunState.SucceededWithWarnings, failover.State);
        await sites.BringABackAsync();
        await UntilAsync(sites.B, GroupState.Diverged);

        var resolve = await sites.RunAsync(sites.B,
            new StartRunRequest { Kind = RunKind.Resolve, Choice = ForkChoice.KeepRecovery });
        Assert.True(resolve.State is RunState.Succeeded, $"{resolve.State} {resolve.Detail}");
        Assert.Equal(["db1.vda", "db1.vdb", Volume],
            sites.A.Agent.ReplicaSpec("shop.fork-2")!.Volumes.Select(v => v.Name));
        Assert.Equal(2, sites.A.Agent.ReplicaSpec("shop")!.Volumes.Count);

        var kept = (await sites.A.Client.PointsAsync("shop", Ct)).Single(p => p.IsOrigin);
        var drill = await sites.A.Client.StartRunAsync("shop", new StartRunRequest
        {
            Kind = RunKind.TestFailover, PointId = kept.Id, Hold = TimeSpan.FromMinutes(1),
        }, Ct);
        var copy = await CopyAsync(sites.A);
        Assert.Equal(["vda", "vdb", "vdc"], copy.Disks.Select(d => d.Name));
        await sites.A.Client.ReleaseRunAsync(drill.Id, Ct);
        await foreach (var _ in sites.A.Client.WatchRunAsync(drill.Id, Ct)) { }
    }

    private static async Task<TwoSites> PluggedAsync()
    {
        var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        sites.A.Site.Plug("db1", "vdc", 4 << 20);
        return sites;
    }

    private static Task<GroupInfo> ProtectAsync(TwoSites sites) =>
        sites.A.Client.ProtectVolumeAsync("shop", Volume, new ProtectVolumeRequest(), Ct);

    private static async Task<IEnumerable<string>> DisksAsync(TestSite site, string instance) =>
        (await site.Client.InstanceAsync(instance, Ct)).Disks.Select(d => d.Name);

    private static async Task<SiteInstance> CopyAsync(TestSite site)
    {
        while (true)
        {
            var all = await site.Client.InstancesAsync(Ct);
            if (all.FirstOrDefault(i => i.Name != "db1") is { } copy) return copy;
            await Task.Delay(50, Ct);
        }
    }
}
