// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Testing.Field;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// Volume-only groups between two real clouds through Cinder's backups, by the command alone: a server that writes has
/// two of the volumes, nobody the third. Ends with figures, for the documentation.
/// </summary>
public sealed class VolumeGroups(ITestOutputHelper output) : IAsyncLifetime
{
    private const string Group = "books";
    // A full backup reads whole volumes, and packs them.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);
    private ProjectPair? _pair;
    private CinderVolume _loose = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private ProjectPair Pair => _pair!;
    private VolumeProject A => Pair.A;
    private VolumeProject B => Pair.B;

    public async ValueTask InitializeAsync() => _pair = await ProjectPair.MakeAsync("lb-vol", Ct);

    public async ValueTask DisposeAsync()
    {
        if (_pair is not null) await _pair.DisposeAsync();
    }

    [Fact(Timeout = 30 * 60 * 1000)]
    public async Task Volumes_are_backed_up_at_one_moment_restored_in_the_other_cloud_and_come_home()
    {
        await A.QuotaAsync("backups", 50, Ct);
        await B.QuotaAsync("backups", 50, Ct);
        await BuildAsync();
        await ProtectAsync("root", "fast", "loose");
        await CutIncrementAsync();
        await DrillAsync();
        await FailOverAsync();
        await ComeHomeAsync();
        await A.Site.MustAsync(["group", "delete", Group], Ct);
        await Patience.UntilAsync("nothing of the deleted group is left",
            async () => (await A.CopiesAsync(Ct)).Count + (await B.CopiesAsync(Ct)).Count == 0);
    }

    [Fact(Timeout = 20 * 60 * 1000)]
    public async Task Quotas_foreign_backups_and_a_killed_controller_leave_nothing_half()
    {
        _loose = await Pair.Servers.VolumeAsync("loose", 1, "rbd", null, Ct);
        await A.WriteAsync(_loose, 0x11, Ct);
        await ProtectAsync("loose");
        await B.QuotaAsync("backups", 1, Ct);
        var full = await A.Site.RunAsync(["point", "create", Group], Ct);
        Assert.Equal(ReasonCode.CloudQuotaExceeded, full.Reason);
        // Why is said at once; what was made for it goes in the next round.
        await Patience.UntilAsync("nothing of the point that failed is left",
            async () => (await A.CopiesAsync(Ct)).Count == 1 && (await B.CopiesAsync(Ct)).Count == 1);
        await B.QuotaAsync("backups", 10, Ct);
        await ForeignBackupAsync();
        await KillWhileCopyingAsync();
        await ThinAsync();
    }

    private async Task BuildAsync()
    {
        _loose = await Pair.Servers.VolumeAsync("loose", 1, "nfs", null, Ct);
        await A.WriteAsync(_loose, 0x5a, Ct);
        await Pair.BuildVolumeServerAsync(Ct);
        await Task.Delay(TimeSpan.FromSeconds(5), Ct);
    }

    private async Task ProtectAsync(params string[] volumes)
    {
        var start = Stopwatch.GetTimestamp();
        await A.Site.MustAsync(["group", "create", Group, "--recovery-site", "b", "--quiesce-limit", "60s",
            .. volumes.SelectMany(v => new[] { "--volume", $"{Pair.Name}-{v}" })], Ct);
        await A.Site.UntilGroupAsync(Group, FieldSite.IsProtected, Limit, TimeProvider.System, Ct);
        Say("first point", start);
        Assert.Equal(volumes.Length, (await A.CopiesAsync(Ct)).Count);
        Assert.Equal(volumes.Length, (await B.CopiesAsync(Ct)).Count(c => c.EndsWith("available")));
    }

    private async Task CutIncrementAsync()
    {
        await Task.Delay(TimeSpan.FromSeconds(5), Ct);
        var start = Stopwatch.GetTimestamp();
        var cut = await A.Site.AskAsync<CheckpointResult>(["point", "create", Group, "--label", "second"], Ct);
        Say($"second point (sealed {cut.Sealed}, guests held {cut.Frozen?.TotalSeconds:0.0} s)", start);
        var point = (await PointsAsync()).Single(p => p.Id == cut.Point.Id);
        Assert.Equal(Consistency.Application, point.Consistency);
        Assert.True((await A.Cloud.Cinder.BackupsAsync(Ct)).Count(b => b.IsIncremental) == 3, "it is no increment");
        Assert.DoesNotContain(await A.CopiesAsync(Ct), c => c.StartsWith("snapshot", StringComparison.Ordinal));
        Assert.Contains("thawed", (await A.AskGuestAsync("guest-fsfreeze-status", Ct)).Output);
    }

    private async Task DrillAsync()
    {
        var start = Stopwatch.GetTimestamp();
        await B.Site.MustAsync(["drill", Group], Ct);
        Say("drill", start);
        Assert.Empty(await B.Cloud.Cinder.VolumesAsync(Ct));
        Assert.Equal(6, (await B.CopiesAsync(Ct)).Count);
    }

    private async Task FailOverAsync()
    {
        A.Site.KillEverything();
        var start = Stopwatch.GetTimestamp();
        await B.Site.MustAsync(["failover", Group, "--source-is-dead"], Ct);
        Say("failover", start);
        var run = (await B.Site.AskAsync<IReadOnlyList<RunInfo>>(["run", "list"], Ct))
            .Where(r => r.Kind is RunKind.Failover).MaxBy(r => r.CreatedAt)!;
        Assert.Equal("b", (await B.Site.AskAsync<RunReport>(["report", "get", $"{run.Id}"], Ct)).Read().PrimaryAfter);
        var made = await B.ProveAsync(output, Ct);
        Assert.Equal(["fast", "loose", "root"], made.Keys.Order());
        Assert.Equal("nfs", made["loose"].VolumeType);
        Assert.Equal(0x5a, await B.PatternAsync(made["loose"], Ct));
    }

    // A planned move home takes what was written meanwhile along.
    private async Task ComeHomeAsync()
    {
        await A.Site.StartAsync(Ct);
        var loose = Assert.Single(await B.Cloud.Cinder.VolumesAsync($"{Pair.Name}-loose", Ct));
        await B.WriteAsync(loose, 0x77, Ct);
        var start = Stopwatch.GetTimestamp();
        await B.Site.MustAsync(["reprotect", Group], Ct);
        Say("reprotect", start);
        start = Stopwatch.GetTimestamp();
        await A.Site.MustAsync(["failback", Group], Ct);
        Say("failback", start);
        var home = (await A.Cloud.Cinder.VolumesAsync($"{Pair.Name}-loose", Ct)).Single(v => v.Id != _loose.Id);
        Assert.Equal(0x77, await A.PatternAsync(home, Ct));
        // Of before the failover, and left alone.
        Assert.Equal(0x5a, await A.PatternAsync(_loose, Ct));
    }

    // Somebody backs the volume up besides: ours does not build on that.
    private async Task ForeignBackupAsync()
    {
        var snapshot = await A.Cloud.Cinder.CreateSnapshotAsync(
            new NewSnapshot(_loose.Id, $"{Pair.Name}-foreign", Force: true), Ct);
        await Patience.UntilAsync("a snapshot of somebody's", async () =>
            (await A.Cloud.Cinder.FindSnapshotAsync(snapshot.Id, Ct))?.Status == "available");
        var foreign = await A.Cloud.Cinder.CreateBackupAsync($"{Pair.Name}-foreign", _loose.Id, snapshot.Id, false, Ct);
        await Patience.UntilAsync("a backup of somebody's", async () =>
            (await A.Cloud.Cinder.FindBackupAsync(foreign.Id, Ct))?.Status == "available");
        // It is said to be backed up for a moment longer than it is, and a removal is forgotten then.
        await Patience.UntilAsync("somebody's snapshot is gone", async () =>
        {
            var left = await A.Cloud.Cinder.FindSnapshotAsync(snapshot.Id, Ct);
            if (left?.Status == "available") await A.Cloud.Cinder.DeleteSnapshotAsync(snapshot.Id, Ct);
            return left is null;
        });
        await A.Site.MustAsync(["point", "create", Group], Ct);
        Assert.DoesNotContain(await A.Cloud.Cinder.BackupsAsync(Ct), b => b.IsIncremental);
        Assert.Equal(2, (await PointsAsync()).Count);
        await A.Cloud.Cinder.DeleteBackupAsync(foreign.Id, Ct);
    }

    private async Task KillWhileCopyingAsync()
    {
        await A.WriteAsync(_loose, 0x22, Ct);
        var asked = A.Site.RunAsync(["point", "create", Group], Ct);
        await Patience.UntilAsync("a backup is being made", async () =>
            (await A.Cloud.Cinder.BackupsAsync(Ct)).Any(b => b.Status == "creating"));
        A.Site.Kill("controller");
        await asked;
        // The command may ask once more when its first answer is lost, and has a point more then.
        await Patience.UntilAsync("the point is whole all the same, and nothing of it is there besides", async () =>
        {
            var points = (await PointsAsync()).Count;
            var copies = await A.CopiesAsync(Ct);
            return points >= 3 && copies.Count == points && copies.All(c => c.EndsWith("available"));
        });
    }

    // The full backup of the foreign backup's time and its increment are one chain; the first point stands alone.
    private async Task ThinAsync()
    {
        var before = (await PointsAsync()).Count;
        await A.Site.MustAsync(["group", "policy", Group, "--retention", "10s"], Ct);
        await Patience.UntilAsync("what nothing builds on is gone at both sites", async () =>
            (await PointsAsync()).Count == before - 1 && (await A.CopiesAsync(Ct)).Count == before - 1
            && (await B.CopiesAsync(Ct)).Count == before - 1);
        await B.Site.MustAsync(["drill", Group], Ct);
        await A.Site.MustAsync(["group", "delete", Group], Ct);
        await Patience.UntilAsync("nothing of the deleted group is left",
            async () => (await A.CopiesAsync(Ct)).Count + (await B.CopiesAsync(Ct)).Count == 0);
    }

    private Task<IReadOnlyList<RecoveryPoint>> PointsAsync() => Pair.PointsAsync(Group, Ct);

    private void Say(string what, long start) =>
        output.WriteLine($"{what}: {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
}
