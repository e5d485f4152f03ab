// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing.Field;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// Groups that the mirror of their pool moves, between two real clouds with a real rbd-mirror each, by the command
/// alone: a server that writes has both volumes. Ends with figures, for the documentation.
/// </summary>
public sealed class MirrorGroups(ITestOutputHelper output) : IAsyncLifetime
{
    private const string Group = "ledger";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(6);
    private ProjectPair? _pair;
    private MirrorDaemons? _daemons;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private ProjectPair Pair => _pair!;
    private VolumeProject A => Pair.A;
    private VolumeProject B => Pair.B;
    private MirrorDaemons Daemons => _daemons!;

    public async ValueTask InitializeAsync()
    {
        _pair = await ProjectPair.MakeAsync("mir", Ct);
        _daemons = await MirrorDaemons.StartAsync(Ct);
    }

    public async ValueTask DisposeAsync()
    {
        if (_pair is not null) await _pair.DisposeAsync();
        if (_daemons is not null) await _daemons.DisposeAsync();
    }

    [Fact(Timeout = 30 * 60 * 1000)]
    public async Task A_pool_is_mirrored_drilled_taken_over_from_a_dead_site_and_comes_home()
    {
        await Pair.BuildVolumeServerAsync(Ct);
        await Task.Delay(TimeSpan.FromSeconds(5), Ct);
        await ProtectAsync();
        await CutAsync();
        await KillWhileCarryingAsync();
        await DrillAsync();
        await FailOverAsync();
        await ComeHomeAsync();
        await A.Site.MustAsync(["group", "delete", Group], Ct);
        await Patience.UntilAsync("nothing is mirrored any more, and no copy is left", async () =>
            (await Daemons.OursAsync("a", Ct)).Count + (await Daemons.OursAsync("b", Ct)).Count == 0);
    }

    private async Task ProtectAsync()
    {
        var start = Stopwatch.GetTimestamp();
        await A.Site.MustAsync(["group", "create", Group, "--recovery-site", "b", "--quiesce-limit", "30s",
            "--source", "pool-mirror", "--source-period", "1h", "--volume", "type:rbd"], Ct);
        var group = await A.Site.UntilGroupAsync(Group, FieldSite.IsProtected, Limit, TimeProvider.System, Ct);
        Say("first point", start);
        Assert.Equal(2, group.Definition.Volumes.Count());
        Assert.Equal(2, (await Daemons.OursAsync("b", Ct)).Count);
    }

    private async Task CutAsync()
    {
        await Task.Delay(TimeSpan.FromSeconds(5), Ct);
        var start = Stopwatch.GetTimestamp();
        var cut = await A.Site.AskAsync<CheckpointResult>(["point", "create", Group, "--label", "second"], Ct);
        var told = (await A.Site.AskAsync<GroupInfo>(["group", "get", Group], Ct)).Source!.Moments!;
        Say($"second point (sealed {cut.Sealed}, guests held {cut.Frozen?.TotalSeconds:0.0} s, {told.LastBytes} bytes)",
            start);
        Assert.True(told.LastBytes is > 0 and < 256 << 20);
        Assert.Equal(Consistency.Application, (await PointsAsync()).Single(p => p.Id == cut.Point.Id).Consistency);
        Assert.Contains("thawed", (await A.AskGuestAsync("guest-fsfreeze-status", Ct)).Output);
    }

    // Nothing arrives, the controller is killed, and the point comes about all the same, once.
    private async Task KillWhileCarryingAsync()
    {
        await Daemons.StopAsync("b");
        var asked = A.Site.RunAsync(["point", "create", Group], Ct);
        await Patience.UntilAsync("a point waits for the mirror", async () =>
            (await A.Site.AskAsync<GroupInfo>(["group", "get", Group], Ct)).Source?.Detail?
                .Contains("snapshot lifeboat-", StringComparison.Ordinal) is true);
        A.Site.Kill("controller");
        Assert.Equal(2, (await PointsAsync()).Count);
        Daemons.Start("b");
        var start = Stopwatch.GetTimestamp();
        // The command asks once more when its first answer is lost, and has a point more then.
        await asked;
        await Patience.UntilAsync("the point is whole all the same", async () => (await PointsAsync()).Count >= 3);
        Say("point whole after rbd-mirror is back", start);
    }

    private async Task DrillAsync()
    {
        var start = Stopwatch.GetTimestamp();
        await B.Site.MustAsync(["drill", Group], Ct);
        Say("drill", start);
        Assert.Empty(await B.Cloud.Cinder.VolumesAsync(Ct));
        // The copies, and no clone.
        var left = await Daemons.OursAsync("b", Ct);
        Assert.Equal(2, left.Count);
        Assert.DoesNotContain(left, i => i.StartsWith("lifeboat-", StringComparison.Ordinal));
    }

    // The controller of the site that is left to is killed in the middle too.
    private async Task FailOverAsync()
    {
        A.Site.KillEverything();
        var start = Stopwatch.GetTimestamp();
        var asked = B.Site.RunAsync(["failover", Group, "--source-is-dead"], Ct);
        await Patience.UntilAsync("an image is being taken into Cinder", async () =>
            (await B.Cloud.Cinder.VolumesAsync(Ct)).Count > 0);
        B.Site.Kill("controller");
        await asked;
        await Patience.UntilAsync("the failover goes on to its end", async () => (await RunsAsync(B))
            .Any(r => r.Kind is RunKind.Failover && r.State is RunState.Succeeded));
        Say("failover, the controller killed in it", start);
        var made = await B.ProveAsync(output, Ct);
        Assert.Equal(["fast", "root"], made.Keys.Order());
    }

    // A planned move home takes what was written meanwhile along.
    private async Task ComeHomeAsync()
    {
        await A.Site.StartAsync(Ct);
        var before = (await A.Cloud.Cinder.VolumesAsync(Ct)).Select(v => v.Id).ToHashSet();
        var fast = Assert.Single(await B.Cloud.Cinder.VolumesAsync($"{Pair.Name}-fast", Ct));
        await B.WriteAsync(fast, 0x77, Ct);
        var start = Stopwatch.GetTimestamp();
        await B.Site.MustAsync(["reprotect", Group], Ct);
        Say("reprotect", start);
        start = Stopwatch.GetTimestamp();
        await A.Site.MustAsync(["failback", Group], Ct);
        Say("failback", start);
        var home = (await A.Cloud.Cinder.VolumesAsync(Ct)).Where(v => !before.Contains(v.Id)).ToList();
        Assert.Equal(2, home.Count);
        Assert.Equal(0x77, await A.PatternAsync(home.Single(v => v.Name == $"{Pair.Name}-fast"), Ct));
        Assert.Equal(await B.DigestAsync(fast, Ct),
            await A.DigestAsync(home.Single(v => v.Name == $"{Pair.Name}-fast"), Ct));
        // Of before the failover: the server has them still, and goes on.
        Assert.Equal("in-use", (await A.Cloud.Cinder.VolumesAsync(Ct)).First(v => before.Contains(v.Id)).Status);
        Assert.Equal(0, (await A.AskGuestAsync("guest-ping", Ct)).ExitCode);
    }

    private Task<IReadOnlyList<RecoveryPoint>> PointsAsync() => Pair.PointsAsync(Group, Ct);

    private static Task<IReadOnlyList<RunInfo>> RunsAsync(VolumeProject at) =>
        at.Site.AskAsync<IReadOnlyList<RunInfo>>(["run", "list"], Ct);

    private void Say(string what, long start) =>
        output.WriteLine($"{what}: {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
}
