// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.Policies;
using Lifeboat.Sites;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller.Backups;

/// <summary>Groups that the mirror of their pool moves, between two whole controllers whose sites have clouds in
/// memory.</summary>
public sealed class MirrorGroupTests : IAsyncLifetime
{
    private TwoSites _sites = null!;
    private string _data = "", _logs = "";

    public async ValueTask InitializeAsync()
    {
        _sites = await StartAsync();
        _sites.A.Site.MirrorPeer = _sites.B.Site;
        _sites.B.Site.MirrorPeer = _sites.A.Site;
        _data = _sites.A.Site.PutVolume("data", "one");
        _logs = _sites.A.Site.PutVolume("logs", "uno");
    }

    public ValueTask DisposeAsync() => _sites.DisposeAsync();

    [Fact]
    public async Task A_mirrored_group_is_drilled_fails_over_to_its_point_and_comes_home()
    {
        await ProtectAsync();
        await UntilAsync(_sites.B, GroupState.Protected);
        Assert.Empty(_sites.A.Site.Backups);
        Assert.Null(_sites.A.Agent.SourceSpec("shop"));
        _sites.A.Site.WriteVolume(_data, "two");
        await CutAsync();
        Assert.Equal(2, (await _sites.B.Client.PointsAsync("shop", Ct)).Count);
        Assert.Equal(14, (await _sites.A.Client.GroupAsync("shop", Ct)).Source!.Moments!.LastBytes);

        Assert.Equal(RunState.Succeeded, (await _sites.RunAsync(_sites.B, RunKind.TestFailover)).State);
        Assert.DoesNotContain(await _sites.B.Site.VolumesAsync(Ct), v => v.Restored is not null);
        await _sites.LoseAAsync();
        Assert.Equal(RunState.Succeeded, (await _sites.RunAsync(_sites.B, RunKind.Failover)).State);
        Assert.Equal(["two", "uno"], await ContentsAsync(_sites.B));
        Assert.Equal(0, _sites.B.Site.MirrorCopies);
        await _sites.BringABackAsync();
        await UntilAsync(_sites.A, g => g.Definition.PrimarySite == "b");

        foreach (var volume in await _sites.B.Site.VolumesAsync(Ct))
            _sites.B.Site.WriteVolume(volume.Id, volume.Name + " of b");
        Assert.Equal(RunState.Succeeded, (await _sites.RunAsync(_sites.A, RunKind.Failback)).State);
        Assert.Equal(["data of b", "logs of b"], await ContentsAsync(_sites.A));
        // What was left stays as it was, and is nobody's mirror.
        Assert.Equal("two", _sites.A.Site.ContentOf(_data));
        Assert.Equal(2, _sites.A.Site.Mirrored);
        Assert.Equal((0, 2), (_sites.B.Site.Mirrored, _sites.B.Site.MirrorCopies));
        Assert.Equal("a", (await UntilAsync(_sites.A, GroupState.Protected)).Definition.PrimarySite);
    }

    [Fact]
    public async Task What_has_not_arrived_is_no_point_and_a_failover_takes_the_one_before()
    {
        await ProtectAsync();
        await UntilAsync(_sites.B, GroupState.Protected);
        _sites.B.Site.MirrorStands = true;
        _sites.A.Site.WriteVolume(_data, "lost");
        var asked = _sites.A.Client.CreatePointAsync("shop", new CreatePointRequest(true), Ct);
        await UntilAsync(_sites.A, g => g.Source?.Detail?.Contains("has no lifeboat-") is true);
        Assert.Single(await _sites.B.Client.PointsAsync("shop", Ct));
        await _sites.LoseAAsync();
        Assert.False((await asked).Sealed);
        Assert.Equal(RunState.Succeeded, (await _sites.RunAsync(_sites.B, RunKind.Failover)).State);
        Assert.Equal(["one", "uno"], await ContentsAsync(_sites.B));
    }

    [Fact]
    public async Task A_planned_move_demotes_first_and_takes_that_back_when_it_does_not_come_about()
    {
        await ProtectAsync();
        await UntilAsync(_sites.B, GroupState.Protected);
        _sites.A.Site.WriteVolume(_data, "last");
        _sites.A.Site.FailNext(nameof(IMirrorsVolumes.CarryAsync), SiteFault.Refused, afterEffect: true);
        var refused = await _sites.RunAsync(_sites.B, RunKind.PlannedFailover);
        Assert.Equal(RunState.RolledBack, refused.State);
        Assert.False(_sites.A.Site.IsDemoted(_data) || _sites.A.Site.IsDemoted(_logs));
        await CutAsync();
        Assert.Equal(RunState.Succeeded, (await _sites.RunAsync(_sites.B, RunKind.PlannedFailover)).State);
        Assert.Equal(["last", "uno"], await ContentsAsync(_sites.B));
        // Left, and a plain volume of its cloud again.
        Assert.Equal(0, _sites.A.Site.Mirrored);
        Assert.Equal("last", _sites.A.Site.ContentOf(_data));
        Assert.Equal(RunState.Succeeded, (await _sites.RunAsync(_sites.B, RunKind.Reprotect)).State);
        await UntilAsync(_sites.B, GroupState.Protected);
        Assert.Equal(2, _sites.A.Site.MirrorCopies);
        Assert.Single(await _sites.A.Client.PointsAsync("shop", Ct));
    }

    [Fact]
    public async Task A_failover_that_was_begun_only_goes_forward()
    {
        await ProtectAsync();
        await UntilAsync(_sites.B, GroupState.Protected);
        await _sites.LoseAAsync();
        _sites.B.Site.FailNext(nameof(IMirrorsVolumes.TakeOverAsync), SiteFault.QuotaExceeded, afterEffect: true);
        var failed = await _sites.RunAsync(_sites.B, RunKind.Failover);
        Assert.Equal((RunState.Failed, ReasonCode.CloudQuotaExceeded), (failed.State, failed.Reason));
        Assert.Equal("b", (await _sites.B.Client.GroupAsync("shop", Ct)).Definition.PrimarySite);
        await _sites.B.Client.RetryRunAsync(failed.Id, Ct);
        RunInfo? last = null;
        await foreach (var change in _sites.B.Client.WatchRunAsync(failed.Id, Ct)) last = change;
        Assert.Equal(RunState.Succeeded, last!.State);
        Assert.Equal(["one", "uno"], await ContentsAsync(_sites.B));
    }

    [Fact]
    public async Task A_point_that_fails_and_a_deleted_group_leave_no_snapshot()
    {
        await ProtectAsync();
        await UntilAsync(_sites.B, GroupState.Protected);
        _sites.A.Site.FailNext(nameof(IMirrorsVolumes.CarryAsync), SiteFault.BuildFailed, afterEffect: true);
        await RefusedAsync(ReasonCode.BuildFailed, CutAsync);
        Assert.Equal(2, _sites.A.Site.MirrorSnapshots.Count());
        await CutAsync();
        Assert.Equal(4, _sites.A.Site.MirrorSnapshots.Count());
        await _sites.A.Client.DeleteGroupAsync("shop", Ct);
        await HoldsAsync(() => _sites.A.Site.Mirrored + _sites.B.Site.MirrorCopies == 0);
        Assert.Equal("one", _sites.A.Site.ContentOf(_data));
    }

    [Fact]
    public async Task A_whole_pool_is_one_group_and_what_cannot_be_mirrored_is_said()
    {
        _sites.A.Site.MirrorFaults = new Dictionary<string, string> { [_logs] = "is a clone of images/x" };
        var refused = await RefusedAsync(ReasonCode.InvalidRequest, () => ProtectAsync("type:fast"));
        Assert.Contains("clone of images/x", refused.Message);
        _sites.A.Site.MirrorFaults = new Dictionary<string, string>();
        _sites.B.Site.MirrorPeer = null;
        Assert.Contains("options.mirror", (await RefusedAsync(ReasonCode.NotAllowed, () => ProtectAsync())).Message);
        Assert.Equal(0, _sites.A.Site.Mirrored);
        _sites.B.Site.MirrorPeer = _sites.A.Site;
        await ProtectAsync("type:fast");
        var group = await UntilAsync(_sites.B, GroupState.Protected);
        Assert.Equal(["shop.data", "shop.logs"], group.Definition.Volumes.Select(v => v.Name));
        await RefusedAsync(ReasonCode.InvalidRequest, () => _sites.A.Client.ChangePolicyAsync("shop",
            new PolicyChange { Source = ChangeSource.Backup }, Ct));
    }

    private Task ProtectAsync(params string[] volumes) =>
        _sites.A.Client.CreateGroupAsync(new CreateGroupRequest
        {
            Name = "shop",
            RecoverySite = "b",
            Members =
            [
                new MemberRequest("", Kind: MemberKind.VolumeOnly, Volumes: volumes.Length == 0 ? ["data", "logs"]
                    : volumes),
            ],
            Policy = Policy.Default with
            {
                Source = ChangeSource.PoolMirror, SourcePeriod = TimeSpan.FromHours(1),
                RpoTarget = TimeSpan.FromHours(2),
            },
        }, Ct);

    private async Task CutAsync() =>
        Assert.True((await _sites.A.Client.CreatePointAsync("shop", new CreatePointRequest(true), Ct)).Sealed);

    private static async Task<IEnumerable<string?>> ContentsAsync(TestSite at) =>
    [
        .. (await at.Site.VolumesAsync(Ct)).Where(v => v.Restored is { Epoch: not null }).OrderBy(v => v.Name)
            .Select(v => at.Site.ContentOf(v.Id)),
    ];

    private static async Task HoldsAsync(Func<bool> holds)
    {
        for (var i = 0; !holds(); i++)
        {
            Assert.True(i < 300, "waited for 30 s in vain");
            await Task.Delay(100, Ct);
        }
    }
}
