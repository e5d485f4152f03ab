// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

public sealed class SeedTests
{
    private static readonly SeedRequest Medium = new("/media/disk");

    [Fact]
    public async Task A_replica_without_points_begins_with_a_seed_and_a_strange_seed_is_refused_with_all_that_is_wrong()
    {
        await using var sites = await TwoSites.StartAsync();
        sites.A.Agent.SealsPoints = false;
        var qmp = sites.A.RunGuest("db1", "vda", "vdb");
        await sites.A.Client.AdoptAsync(new AdoptRequest("db1", qmp, "/db1/qga.sock"), Ct);
        var group = await sites.A.Client.CreateGroupAsync(Request() with
        {
            Suspend = new SuspendGroupRequest("waits for a seed", TimeSpan.FromDays(2)),
        }, Ct);
        Assert.Equal("waits for a seed", sites.A.Agent.SourceSpec("shop")!.Suspension!.Reason);
        Assert.Equal(GroupState.Suspended, group.State);

        var seed = SeedOf(group.Definition);
        sites.B.Agent.Seed = seed with { Group = "till", RecoverySite = "c", Volumes = [seed.Volumes[0]] };
        var refused = await RefusedAsync(ReasonCode.InvalidRequest, () =>
            sites.B.Client.ImportSeedAsync("shop", Medium, Ct));
        Assert.Equal(3, refused.Errors!.Count);
        Assert.Null(sites.B.Agent.ReplicaSpec("shop")!.Volumes[0].SeedFile);
        await RefusedAsync(ReasonCode.WrongSite, () => sites.A.Client.ImportSeedAsync("shop", Medium, Ct));
        await RefusedAsync(ReasonCode.WrongSite, () => sites.B.Client.ExportSeedAsync("shop", Medium, Ct));

        sites.B.Agent.Seed = seed;
        await sites.B.Client.ImportSeedAsync("shop", Medium, Ct);
        Assert.All(sites.B.Agent.ReplicaSpec("shop")!.Volumes, v =>
            Assert.Equal(($"/media/disk/{v.Index}", "lifeboat-seed"), (v.SeedFile, v.SeedFormat)));
        Assert.Equal(2, sites.B.Agent.ReplicasMade);
    }

    [Fact]
    public async Task A_replica_with_points_keeps_them()
    {
        await using var sites = await TwoSites.StartAsync();
        var group = await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        sites.B.Agent.Seed = SeedOf(group.Definition);
        await RefusedAsync(ReasonCode.WrongState, () => sites.B.Client.ImportSeedAsync("shop", Medium, Ct));
        Assert.Equal(1, sites.B.Agent.ReplicasMade);
    }

    private static SeedInfo SeedOf(GroupDefinition group) => new("/media/disk", group.Name, group.PrimarySite,
        group.RecoverySite, group.Epoch, default, default, 1,
        [.. group.Volumes.Select(v => new SeedVolumeInfo(v.Index, v.Name, v.SizeBytes, $"/media/disk/{v.Index}"))]);
}
