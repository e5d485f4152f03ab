// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Sites;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>What a controller does with a site that keeps standing volumes; the volumes themselves are a double's.
/// </summary>
public sealed class StandingVolumesTests : IAsyncLifetime
{
    private static readonly StandingRules Rules =
        new(TimeSpan.FromSeconds(1), 0, TimeSpan.FromHours(1), new HashSet<string>());
    private TwoSites? _sites;

    private TwoSites Sites => _sites!;

    public async ValueTask InitializeAsync()
    {
        _sites = await TwoSites.StartAsync();
        Sites.B.Site.StandingRules = Rules;
    }

    public ValueTask DisposeAsync() => _sites!.DisposeAsync();

    [Fact]
    public async Task Every_disk_is_brought_to_newer_points_and_the_group_says_how_far_it_is()
    {
        var standing = await StandAsync(s => s.Volumes.Count == 2);
        Assert.Equal(["db1.vda", "db1.vdb"], standing.Volumes.Select(v => v.Volume));
        Assert.All(standing.Volumes,
            v => Assert.True(v is { IsAtPoint: true, CutAt: not null, CloudVolume: not null }));
        Assert.Equal(ReasonCode.None, standing.Reason);
        // The site that runs the instances keeps none.
        Assert.Null((await Sites.A.Client.GroupAsync("shop", Ct)).Standing);
        var cut = standing.Volumes[0].CutAt;
        await Sites.A.Client.CreatePointAsync("shop", new CreatePointRequest(Quiesce: false), Ct);
        await StandAsync(s => s.Volumes.All(v => v.CutAt > cut));
        Assert.Equal(Sites.B.Site.Brought.OrderBy(b => b.Sequence).Select(b => b.Sequence),
            Sites.B.Site.Brought.Select(b => b.Sequence));
        // What it is at is held, and nothing else is.
        await UntilAsync(Sites.B, _ => Sites.B.Agent.Pins("shop")
            .Where(p => p.StartsWith("standing", StringComparison.Ordinal)).SequenceEqual(["standing"]));
    }

    [Fact]
    public async Task What_keeps_them_from_a_point_is_said_as_an_alert_too_and_ends_with_the_next_round()
    {
        Sites.B.Site.FailNext(nameof(IKeepsStandingVolumes.BringAsync), SiteFault.QuotaExceeded);
        Sites.B.Site.FailNext(nameof(IKeepsStandingVolumes.BringAsync), SiteFault.QuotaExceeded);
        var failed = await StandAsync(s => s.Reason is ReasonCode.CloudQuotaExceeded);
        Assert.Contains("made to fail", failed.Detail);
        await StandAsync(s => s is { Reason: ReasonCode.None, Volumes.Count: 2 });
    }

    [Fact]
    public async Task They_go_with_their_group_and_one_that_is_not_to_be_there_goes_at_once()
    {
        await StandAsync(s => s.Volumes.Count == 2);
        Sites.B.Site.WithoutStanding.Add("db1.vdb");
        var one = await StandAsync(s => s.Volumes.Count == 1);
        Assert.Equal("db1.vda", one.Volumes[0].Volume);
        await Sites.A.Client.DeleteGroupAsync("shop", Ct);
        await GoneAsync();
    }

    [Fact]
    public async Task They_go_when_the_instances_run_here()
    {
        await StandAsync(s => s.Volumes.Count == 2);
        await Sites.LoseAAsync();
        Assert.Equal(RunState.Succeeded, (await Sites.RunAsync(Sites.B, RunKind.Failover)).State);
        await GoneAsync();
        await UntilAsync(Sites.B, g => g.Standing is null);
        // The start knew what its views are of: a site can take its standing volumes for it.
        var request = Sites.B.Site.RequestOf("db1");
        Assert.All(request.Disks, d => Assert.Equal(("shop", $"db1.{d.Disk}"), (d.Point!.Group, d.Point.Volume)));
    }

    private async Task<StandingStatus> StandAsync(Func<StandingStatus, bool> isSo)
    {
        if ((await Sites.A.Client.GroupsAsync(Ct)).Count == 0) await Sites.ProtectAsync();
        return (await UntilAsync(Sites.B, g => g.Standing is { } s && isSo(s))).Standing!;
    }

    private async Task GoneAsync()
    {
        var start = TimeProvider.System.GetTimestamp();
        while ((await Sites.B.Site.StandingAsync(Ct)).Count > 0)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(40), "they are still there");
            await Task.Delay(200, Ct);
        }
    }
}
