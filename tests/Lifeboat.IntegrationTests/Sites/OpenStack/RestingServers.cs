// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Security.Cryptography;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Testing.Field;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// A server of a real cloud whose volumes are read when its tenant asks, and when it is shut down, by the command
/// alone. Ends with figures, for the documentation.
/// </summary>
public sealed class RestingServers(ITestOutputHelper output) : IAsyncLifetime
{
    private const string Group = "bench";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(6);
    private ProjectPair? _pair;
    private VolumeServer _server = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private ProjectPair Pair => _pair!;
    private VolumeProject A => Pair.A;
    private VolumeProject B => Pair.B;

    public async ValueTask InitializeAsync() => _pair = await ProjectPair.MakeAsync("rst", Ct);

    public async ValueTask DisposeAsync()
    {
        if (_pair is not null) await _pair.DisposeAsync();
    }

    [Fact(Timeout = 20 * 60 * 1000)]
    public async Task Points_come_on_request_and_of_what_a_shut_down_server_left_and_a_planned_move_loses_nothing()
    {
        _server = await Pair.BuildVolumeServerAsync(Ct);
        await Task.Delay(TimeSpan.FromSeconds(5), Ct);
        var start = Stopwatch.GetTimestamp();
        await A.Site.MustAsync(["group", "create", Group, "--instance", $"{Pair.Name}-db", "--recovery-site", "b",
            "--source", "snapshot-diff", "--source-trigger", "on-shutdown"], Ct);
        await A.Site.UntilGroupAsync(Group, FieldSite.IsProtected, Limit, TimeProvider.System, Ct);
        Say("protected", start);
        await OnRequestAsync();
        await OnShutdownAsync();
        await MoveAsync();
        await DeleteAsync();
    }

    private async Task OnRequestAsync()
    {
        var start = Stopwatch.GetTimestamp();
        var cut = await A.Site.AskAsync<CheckpointResult>(["point", "create", Group, "--quiesce"], Ct);
        Say($"a point on request (frozen {cut.Frozen?.TotalSeconds:0.0} s, {await LastBytesAsync()} bytes)", start);
        Assert.True(cut.Point.Consistency == Consistency.Application, cut.Point.Note);
        Assert.Contains("thawed", (await A.AskGuestAsync("guest-fsfreeze-status", Ct)).Output);
        await Pair.ProveAsync(Group, cut.Point.Id, mustEndWithMark: true, Ct);
        // It writes all the while.
        await Task.Delay(TimeSpan.FromSeconds(5), Ct);
        var group = await A.Site.AskAsync<GroupInfo>(["group", "get", Group], Ct);
        Assert.Equal(cut.Point.Id, group.Source!.LastSealed!.Id);
    }

    private async Task OnShutdownAsync()
    {
        var wait = new ServerWait(A.Cloud.Nova, TimeProvider.System);
        var before = await PointsAsync();
        await A.Cloud.Nova.StopServerAsync(_server.Id, Ct);
        await wait.UntilAsync(_server.Id, "SHUTOFF", Patience.Limit, Ct);
        var start = Stopwatch.GetTimestamp();
        RecoveryPoint? left = null;
        await Patience.UntilAsync("a point of what the server left", async () =>
            (left = (await PointsAsync()).SingleOrDefault(p => before.All(b => b.Id != p.Id))) is not null);
        Say($"the point of what the server left ({await LastBytesAsync()} bytes)", start);
        await Pair.ExportAsync(Group, left!.Id, Ct);
        Assert.Equal(await A.DigestAsync(_server.Root, Ct), await DigestAsync("*.vda.img"));
        Assert.Equal(await A.DigestAsync(_server.Fast, Ct), await DigestAsync("*.vdb.img"));
        start = Stopwatch.GetTimestamp();
        await A.Cloud.Nova.StartServerAsync(_server.Id, Ct);
        await wait.UntilAsync(_server.Id, "ACTIVE", Patience.Limit, Ct);
        await A.UntilGuestAnswersAsync(Ct);
        Say("started again, until its agent answers", start);
        Assert.Equal(before.Count + 1, (await PointsAsync()).Count);
    }

    private async Task MoveAsync()
    {
        var start = Stopwatch.GetTimestamp();
        var moved = await B.Site.AskAsync<RunInfo>(["failover", Group, "--planned"], Ct);
        Say($"planned failover ({moved.State})", start);
        await B.UntilGuestAnswersAsync(Ct);
        Assert.Equal("SHUTOFF", (await A.Cloud.Nova.FindServerAsync(_server.Id, Ct))!.Status);
        Assert.Equal("ACTIVE", Assert.Single(await B.Cloud.Nova.ServersAsync(Ct)).Status);
        await B.Site.MustAsync(["reprotect", Group], Ct);
        await B.Site.UntilGroupAsync(Group, FieldSite.IsProtected, Limit, TimeProvider.System, Ct);
    }

    // The tenant removes server and volumes without a word to us; Ceph keeps what has snapshots in its trash.
    private async Task DeleteAsync()
    {
        var wait = new ServerWait(B.Cloud.Nova, TimeProvider.System);
        foreach (var server in await B.Cloud.Nova.ServersAsync(Ct))
        {
            await B.Cloud.Nova.DeleteServerAsync(server.Id, Ct);
            await wait.UntilGoneAsync(server.Id, Patience.Limit, Ct);
        }
        var volumes = await B.Cloud.Cinder.VolumesAsync(Ct);
        foreach (var volume in volumes) await B.Cloud.Cinder.DeleteVolumeAsync(volume.Id, Ct);
        await Patience.UntilAsync("Cinder has no volume any more", async () =>
            (await B.Cloud.Cinder.VolumesAsync(Ct)).Count == 0);
        foreach (var volume in volumes) Assert.NotEmpty(await B.SnapshotsInTrashAsync(volume, Ct));
        B.Site.Kill("agent");
        await Patience.UntilAsync("the group can be deleted", async () =>
            (await B.Site.RunAsync(["group", "delete", Group], Ct)).ExitCode == 0);
        foreach (var volume in volumes) Assert.Empty(await B.SnapshotsInTrashAsync(volume, Ct));
        foreach (var volume in new[] { _server.Root, _server.Fast })
            await Patience.UntilAsync("no snapshot of ours is left on the image",
                async () => (await A.SnapshotsOfImageAsync(volume, Ct)).Count == 0);
    }

    private Task<IReadOnlyList<RecoveryPoint>> PointsAsync() => Pair.PointsAsync(Group, Ct);

    private async Task<long?> LastBytesAsync() =>
        (await A.Site.AskAsync<GroupInfo>(["group", "get", Group], Ct)).Source?.Moments?.LastBytes;

    private async Task<string> DigestAsync(string pattern)
    {
        await using var file = File.OpenRead(Assert.Single(Directory.GetFiles(Pair.Folder, pattern)));
        return Convert.ToHexString(await SHA256.HashDataAsync(file, Ct));
    }

    private void Say(string what, long start) =>
        output.WriteLine($"{what}: {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
}
