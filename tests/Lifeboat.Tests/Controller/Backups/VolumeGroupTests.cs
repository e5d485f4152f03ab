// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Sites;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller.Backups;

/// <summary>Volume-only groups between two whole controllers, whose sites have clouds in memory.</summary>
public sealed class VolumeGroupTests : IAsyncLifetime
{
    private TwoSites _sites = null!;
    private string _data = "", _logs = "";

    public async ValueTask InitializeAsync()
    {
        _sites = await StartAsync();
        _sites.B.Site.BackupStorage = _sites.A.Site.BackupStorage;
        _data = _sites.A.Site.PutVolume("data", "one");
        _logs = _sites.A.Site.PutVolume("logs", "uno");
    }

    public ValueTask DisposeAsync() => _sites.DisposeAsync();

    [Fact]
    public async Task A_group_of_volumes_is_drilled_fails_over_and_comes_home_with_what_its_points_hold()
    {
        await ProtectAsync();
        var first = await UntilAsync(_sites.A, GroupState.Protected);
        await UntilAsync(_sites.B, GroupState.Protected);
        Assert.Equal(_sites.A.Site.Backups.Keys, _sites.B.Site.Backups.Keys);
        Assert.Empty(_sites.A.Site.SnapshotNames);
        // No agent has anything of it.
        Assert.Null(_sites.A.Agent.SourceSpec("shop"));
        Assert.Null(_sites.B.Agent.ReplicaSpec("shop"));

        _sites.A.Site.WriteVolume(_data, "two");
        var cut = await _sites.A.Client.CreatePointAsync("shop", new CreatePointRequest(true, "release"), Ct);
        Assert.True(cut.Sealed);
        Assert.Equal(2, (await _sites.B.Client.PointsAsync("shop", Ct)).Count);
        Assert.Equal(2, _sites.A.Site.Backups.Count(b => b.Value is not null));

        Assert.Equal(RunState.Succeeded, (await _sites.RunAsync(_sites.B, RunKind.TestFailover)).State);
        Assert.DoesNotContain(await _sites.B.Site.VolumesAsync(Ct), v => v.Restored is not null);
        await _sites.LoseAAsync();
        Assert.Equal(RunState.Succeeded, (await _sites.RunAsync(_sites.B, RunKind.Failover)).State);
        Assert.Equal(["two", "uno"], await ContentsAsync(_sites.B));
        await _sites.BringABackAsync();
        await UntilAsync(_sites.A, g => g.Definition.PrimarySite == "b");
        Assert.Equal("two", _sites.A.Site.ContentOf(_data));

        foreach (var volume in await _sites.B.Site.VolumesAsync(Ct))
            _sites.B.Site.WriteVolume(volume.Id, volume.Name + " of b");
        Assert.Equal(RunState.Succeeded, (await _sites.RunAsync(_sites.A, RunKind.Failback)).State);
        Assert.Equal(["data of b", "logs of b"], await ContentsAsync(_sites.A));
        // What it was before stays as it was.
        Assert.Equal("two", _sites.A.Site.ContentOf(_data));
        var home = await UntilAsync(_sites.A, GroupState.Protected);
        Assert.Equal("a", home.Definition.PrimarySite);
        Assert.True(home.NewestPoint!.CutAt > first.NewestPoint!.CutAt);
    }

    [Fact]
    public async Task Servers_are_held_for_the_snapshots_and_no_longer()
    {
        await ServersAsync("db1");
        await ProtectAsync();
        var info = await UntilAsync(_sites.A, GroupState.Protected);
        Assert.Equal(Consistency.FileSystem, info.NewestPoint!.Consistency);
        Assert.Equal("2 file systems frozen", info.NewestPoint.Evidence!["db1"]);
        Assert.Equal(["db1"], _sites.A.Agent.HeldEver);
        Assert.Empty(_sites.A.Agent.HeldNow);
        // Also where the snapshots fail.
        _sites.A.Site.FailNext(nameof(IBacksUpVolumes.SnapshotAsync), SiteFault.BuildFailed);
        await RefusedAsync(ReasonCode.BuildFailed, CutAsync);
        Assert.Empty(_sites.A.Agent.HeldNow);
        Assert.Empty(_sites.A.Site.SnapshotNames);
    }

    [Fact]
    public async Task Two_volumes_of_servers_that_were_not_at_rest_are_no_point()
    {
        await ServersAsync("db1");
        await ProtectAsync();
        await UntilAsync(_sites.A, GroupState.Protected);
        _sites.A.Agent.LosesHolds = true;
        var lost = await RefusedAsync(ReasonCode.QuiesceFailed, CutAsync);
        Assert.Contains("let go on before", lost.Message);
        _sites.A.Agent.RefusesHolds = true;
        await RefusedAsync(ReasonCode.QuiesceFailed, CutAsync);
        Assert.Empty(_sites.A.Site.SnapshotNames);
        Assert.Equal(2, _sites.A.Site.Backups.Count);
        var info = await _sites.A.Client.GroupAsync("shop", Ct);
        Assert.Equal((GroupState.Protected, ReasonCode.QuiesceFailed), (info.State, info.Reason));
        // One alone is as after a loss of power.
        _sites.A.Site.UseVolume(_logs);
        await CutAsync();
        var point = (await _sites.B.Client.PointsAsync("shop", Ct))[^1];
        Assert.Equal(Consistency.Crash, point.Consistency);
        Assert.Contains("not at rest", point.Note);
    }

    [Fact]
    public async Task A_backup_that_fails_leaves_nothing_and_the_next_point_is_as_if_it_had_not_been()
    {
        await ProtectAsync();
        await UntilAsync(_sites.B, GroupState.Protected);
        _sites.A.Site.FailNext(nameof(IBacksUpVolumes.BackUpAsync), SiteFault.QuotaExceeded, afterEffect: true);
        await RefusedAsync(ReasonCode.CloudQuotaExceeded, CutAsync);
        Assert.Equal(2, _sites.A.Site.Backups.Count);
        Assert.Empty(_sites.A.Site.SnapshotNames);
        _sites.B.Site.FailNext(nameof(IBacksUpVolumes.ImportAsync), SiteFault.QuotaExceeded, afterEffect: true);
        await RefusedAsync(ReasonCode.CloudQuotaExceeded, CutAsync);
        Assert.Equal(2, _sites.A.Site.Backups.Count);
        Assert.Equal(2, _sites.B.Site.Backups.Count);
        await CutAsync();
        Assert.Equal(4, _sites.B.Site.Backups.Count);
        Assert.Equal(GroupState.Protected, (await UntilAsync(_sites.A, g => g.Reason is ReasonCode.None)).State);
    }

    [Fact]
    public async Task A_chain_that_is_long_enough_is_begun_anew_and_a_deleted_group_leaves_nothing()
    {
        await ProtectAsync();
        await UntilAsync(_sites.B, GroupState.Protected);
        for (var i = 0; i < 7; i++) await CutAsync();
        Assert.Equal(16, _sites.A.Site.Backups.Count);
        Assert.Equal(4, _sites.A.Site.Backups.Count(b => b.Value is null));
        await _sites.A.Client.DeleteGroupAsync("shop", Ct);
        await UntilEmptyAsync();
    }

    [Fact]
    public async Task A_planned_move_waits_for_servers_to_be_shut_down()
    {
        await ServersAsync("db1");
        await ProtectAsync();
        await UntilAsync(_sites.B, GroupState.Protected);
        var refused = await _sites.RunAsync(_sites.B, RunKind.PlannedFailover);
        Assert.Equal((RunState.Failed, ReasonCode.WrongState), (refused.State, refused.Reason));
        Assert.Equal("a", (await _sites.B.Client.GroupAsync("shop", Ct)).Definition.PrimarySite);
        _sites.A.Site.UseVolume(_data);
        _sites.A.Site.UseVolume(_logs);
        Assert.Equal(RunState.Succeeded, (await _sites.RunAsync(_sites.B, RunKind.PlannedFailover)).State);
        Assert.Equal(["one", "uno"], await ContentsAsync(_sites.B));
    }

    [Fact]
    public async Task A_controller_that_ends_in_the_middle_leaves_a_point_that_goes_on()
    {
        await ProtectAsync();
        await UntilAsync(_sites.B, GroupState.Protected);
        var reached = new TaskCompletionSource();
        _sites.A.Site.After = async (call, subject, ct) =>
        {
            if (call != nameof(IBacksUpVolumes.BackUpAsync) || subject != "shop.logs") return;
            reached.TrySetResult();
            await Task.Delay(Timeout.Infinite, ct);
        };
        var asked = _sites.A.Client.CreatePointAsync("shop", new CreatePointRequest(true), Ct);
        await reached.Task;
        await _sites.A.StopControllerAsync();
        Assert.False((await asked).Sealed);
        _sites.A.Site.After = null;
        await _sites.A.StartControllerAsync();
        await UntilAsync(_sites.B, g => g.Replica is { Points: 2 });
        Assert.Equal(4, _sites.A.Site.Backups.Count);
        Assert.Empty(_sites.A.Site.SnapshotNames);
    }

    [Fact]
    public async Task What_cannot_be_is_refused_before_anything_is_made()
    {
        await RefusedAsync(ReasonCode.VolumeUnknown, () => ProtectAsync("data", "nobody"));
        _sites.B.Site.BackupGaps = ["options.backupCloud is not set"];
        var refused = await RefusedAsync(ReasonCode.NotAllowed, () => ProtectAsync());
        Assert.Contains("backupCloud", refused.Message);
        await RefusedAsync(ReasonCode.GroupUnknown, () => _sites.A.Client.GroupAsync("shop", Ct));
        _sites.B.Site.BackupGaps = [];
        await ProtectAsync();
        await UntilAsync(_sites.B, GroupState.Protected);
        await RefusedAsync(ReasonCode.Conflict, () => ProtectAsync("other", ["data"]));
        await RefusedAsync(ReasonCode.InvalidRequest, () => _sites.A.Client.ChangePolicyAsync("shop",
            new PolicyChange { Source = ChangeSource.Continuous }, Ct));
        _sites.B.Site.RestoreGaps = ["quota of Cinder: 2 volumes wanted, 1 of 10 free"];
        await RefusedAsync(ReasonCode.PlanGaps, () => _sites.RunAsync(_sites.B, RunKind.TestFailover));
        Assert.Null(_sites.A.Agent.SourceSpec("shop"));
    }

    private Task ProtectAsync(params string[] volumes) =>
        ProtectAsync("shop", volumes.Length == 0 ? ["data", "logs"] : volumes);

    private Task ProtectAsync(string group, string[] volumes) => _sites.A.Client.CreateGroupAsync(new CreateGroupRequest
    {
        Name = group,
        RecoverySite = "b",
        Members = [new MemberRequest("", Kind: MemberKind.VolumeOnly, Volumes: volumes)],
        Policy = Policy.Default with
        {
            SourcePeriod = TimeSpan.FromHours(1), RpoTarget = TimeSpan.FromHours(2),
        },
    }, Ct);

    private async Task CutAsync() =>
        Assert.True((await _sites.A.Client.CreatePointAsync("shop", new CreatePointRequest(true), Ct)).Sealed);

    private async Task ServersAsync(string name)
    {
        var qmp = _sites.A.RunGuest(name, "vda");
        await _sites.A.Client.AdoptAsync(new Contracts.Sites.AdoptRequest(name, qmp, $"/{name}/qga.sock"), Ct);
        _sites.A.Site.UseVolume(_data, name);
        _sites.A.Site.UseVolume(_logs, name);
    }

    private static async Task<IEnumerable<string?>> ContentsAsync(TestSite at) =>
    [
        .. (await at.Site.VolumesAsync(Ct)).Where(v => v.Restored is { Epoch: not null }).OrderBy(v => v.Name)
            .Select(v => at.Site.ContentOf(v.Id)),
    ];

    private async Task UntilEmptyAsync()
    {
        for (var i = 0; _sites.A.Site.Backups.Count + _sites.B.Site.Backups.Count > 0; i++)
        {
            Assert.True(i < 100, "backups of a deleted group are still there");
            await Task.Delay(100, Ct);
        }
        Assert.Empty(_sites.A.Site.BackupStorage.Contents);
    }
}
