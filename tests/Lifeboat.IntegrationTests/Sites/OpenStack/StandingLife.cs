// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts.Api;
using Lifeboat.IntegrationTests.Life;
using Lifeboat.IntegrationTests.Sites.OpenStack.Faults;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Filling;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Standing;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// An oracle that is protected to a real cloud which keeps standing volumes: rounds, a controller killed in one, a
/// drill from a clone, failovers to the newest point and to an older one, proved, and nothing is left.
/// </summary>
[Collection(LifeCollection.Name)]
public sealed class StandingLife
{
    private const string Project = "lb-stand";
    private static readonly TimeSpan RoundLimit = TimeSpan.FromMinutes(8);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_large_disk_is_drilled_and_recovered_by_what_differs()
    {
        await using var pair = await StartAsync("rbd", large: true, new StandingOptions
        {
            Every = TimeSpan.FromSeconds(10),
        });
        IReadOnlyList<string> before = [.. (await pair.Project.ThingsAsync(Ct)).Where(t => !t.StartsWith("volume "))];
        var first = await RoundAsync(pair, _ => true);
        Say($"first round: {first.RoundSeconds} s, {first.Volumes.Single().Written >> 20} MiB");
        for (var i = 0; i < 3; i++)
        {
            var at = (await StandingAsync(pair))!.Volumes.Single().CutAt;
            var next = await RoundAsync(pair, s => s.Volumes.Single().CutAt > at);
            Say($"round: {next.RoundSeconds} s, {next.Volumes.Single().Written >> 10} KiB");
        }
        await KilledInARoundAsync(pair);
        var standing = Assert.Single((await pair.Project.Cloud.Cinder.VolumesAsync(Ct)));
        await DrillAsync(pair);
        Assert.Equal(standing.Id, Assert.Single(await pair.Project.Cloud.Cinder.VolumesAsync(Ct)).Id);

        var point = await FailOverAsync(pair, null, "with standing volumes");
        Assert.Equal(standing.Id, Assert.Single(await pair.Project.Cloud.Cinder.VolumesAsync(Ct)).Id);
        await ProveAsync(pair, point, "rbd");
        await LeaveAsync(pair, before);
    }

    [Fact]
    public async Task The_same_disk_without_standing_volumes_is_copied_whole()
    {
        await using var pair = await StartAsync("rbd", large: true, null);
        await pair.UntilProtectedAsync(Ct);
        var point = await FailOverAsync(pair, null, "without standing volumes");
        await ProveAsync(pair, point, "rbd");
    }

    [Fact]
    public async Task It_goes_back_to_an_older_point_in_files()
    {
        await using var pair = await StartAsync("nfs", large: false, new StandingOptions
        {
            Every = TimeSpan.FromSeconds(10),
        });
        IReadOnlyList<string> before = [.. (await pair.Project.ThingsAsync(Ct)).Where(t => !t.StartsWith("volume "))];
        await RoundAsync(pair, _ => true);
        var older = (await pair.PointsAsync(Ct))[^1];
        var standing = await RoundAsync(pair, s => s.Volumes.Single().CutAt > older.CutAt + TimeSpan.FromSeconds(15));
        var point = await FailOverAsync(pair, older.Id, "to an older point on NFS");
        Assert.Equal(older.Id, point.Id);
        Assert.Equal(standing.Volumes.Single().CloudVolume,
            Assert.Single(await pair.Project.Cloud.Cinder.VolumesAsync(Ct)).Id);
        await ProveAsync(pair, point, "nfs");
        await LeaveAsync(pair, before);
    }

    [Fact]
    public async Task They_go_with_their_group()
    {
        await using var pair = await StartAsync("rbd", large: false, new StandingOptions
        {
            Every = TimeSpan.FromSeconds(10),
        });
        await RoundAsync(pair, _ => true);
        Assert.Single(await pair.Project.Cloud.Cinder.VolumesAsync(Ct));
        await pair.B.MustAsync(["group", "delete", FieldPair.Group], Ct);
        await GoneAsync(pair);
    }

    private static Task<FaultyCloudPair> StartAsync(string type, bool large, StandingOptions? standing) =>
        FaultyCloudPair.StartAsync(Project, new CloudPairShape
        {
            DiskBytes = large ? 3L << 30 : 112L << 20,
            Data = large ? 2L << 30 : 0,
            Options = o => o with
            {
                Standing = standing,
                Volumes = type == "rbd" ? o.Volumes
                    : new Dictionary<string, VolumePlace> { [type] = Testbed.ShareOf(Site) },
                Map = o.Map with { VolumeTypes = new Dictionary<string, string> { [""] = type } },
                VolumeLimit = TimeSpan.FromMinutes(3),
                StopLimit = TimeSpan.FromMinutes(2),
            },
        }, Ct);

    // The mark that it is between two points has been set when the controller goes: what is written then is torn.
    private static async Task KilledInARoundAsync(FaultyCloudPair pair)
    {
        var kill = pair.Proxy.Inject(new(CloudApi.BlockStorage, HttpMethod.Post, "/metadata$")
        {
            CarriedOut = true, Cut = true, Meanwhile = _ => pair.KillControllerAsync(),
        });
        var until = TimeProvider.System.GetUtcNow() + RoundLimit;
        while (kill.Taken == 0 && TimeProvider.System.GetUtcNow() < until) await Task.Delay(200, Ct);
        Assert.Equal(1, kill.Taken);
        var at = TimeProvider.System.GetUtcNow();
        await RoundAsync(pair, s => s.Volumes.Single().CutAt > at);
    }

    private static async Task DrillAsync(FaultyCloudPair pair)
    {
        var cloned = 0;
        pair.Proxy.Inject(new(CloudApi.BlockStorage, HttpMethod.Post, "/volumes$")
        {
            Ask = body => cloned += body["volume"]!["source_volid"] is null ? 0 : 1,
        });
        var run = await pair.StartRunAsync(Ct, "drill", FieldPair.Group);
        var ended = await pair.EndAsync(run.Id, Ct);
        Assert.True(ended.State is RunState.Succeeded, FaultyCloudPair.Told(ended));
        Assert.Equal(1, cloned);
        Say($"drill: copies {Took(ended, "start-copies", "start-instances")}");
    }

    private static async Task<RecoveryPoint> FailOverAsync(FaultyCloudPair pair, Guid? to, string what)
    {
        pair.Pair.A.KillEverything();
        await pair.Vm.KillAsync(Ct);
        var points = await pair.PointsAsync(Ct);
        string[] point = to is { } id ? ["--point", $"{id}"] : [];
        var run = await pair.StartRunAsync(Ct, ["failover", FieldPair.Group, .. point]);
        var ended = await pair.EndAsync(run.Id, Ct);
        Assert.True(ended.State is RunState.Succeeded, FaultyCloudPair.Told(ended));
        Say($"failover {what}: {(ended.FinishedAt - ended.CreatedAt)?.TotalSeconds:0.0} s, of it volumes and server "
            + Took(ended, "start-instances"));
        foreach (var line in File.ReadLines(pair.B.Paths.LogFile("controller"))
            .Where(l => l.Contains("standing volume", StringComparison.Ordinal)
                || l.Contains("is in volume", StringComparison.Ordinal)).TakeLast(2)) Say(line);
        return Assert.Single(points, p => p.Id == ended.PointId);
    }

    private static string Took(RunInfo run, params string[] steps) => string.Create(CultureInfo.InvariantCulture,
        $"{run.Steps.First(s => steps.Contains(s.Name)).Duration?.TotalSeconds:0.0} s");

    // The guest is stopped, and its volume read where it lies.
    private static async Task ProveAsync(FaultyCloudPair pair, RecoveryPoint point, string type)
    {
        var cloud = pair.Project.Cloud;
        var server = Assert.Single(await cloud.Nova.ServersAsync(Ct));
        await cloud.Nova.StopServerAsync(server.Id, Ct);
        await new ServerWait(cloud.Nova, TimeProvider.System).UntilAsync(server.Id, "SHUTOFF", TimeSpan.FromMinutes(2),
            Ct);
        var volume = Assert.Single(await cloud.Cinder.VolumesAsync(Ct));
        var image = Path.Combine(pair.Pair.Directory, "recovered.img");
        var place = type == "rbd" ? Testbed.DriverOptions(pair.B.Directory).Volumes["rbd"] : Testbed.ShareOf(Site);
        await HostCommand.MustAsync("qemu-img", ["convert", "-O", "raw", "--image-opts",
            VolumeFiller.Options(volume.Id, place), image], Ct);
        var proof = await pair.ProveAsync(image, new OracleExpectation { CutAt = point.CutAt, LostMax = 0 }, Ct);
        Say(string.Join('\n', proof.Lines()));
        Assert.True(proof.Holds, string.Join('\n', proof.Lines()));
    }

    // The instance goes with its volumes; of the group nothing is left.
    private static async Task LeaveAsync(FaultyCloudPair pair, IReadOnlyList<string> before)
    {
        await pair.B.MustAsync(["group", "delete", FieldPair.Group], Ct);
        await pair.B.MustAsync(["instance", "remove", FaultyCloudPair.Guest], Ct);
        Assert.Equal(before, await pair.Project.ThingsAsync(Ct));
    }

    private static async Task GoneAsync(FaultyCloudPair pair)
    {
        var until = TimeProvider.System.GetUtcNow() + TimeSpan.FromMinutes(2);
        while ((await pair.Project.Cloud.Cinder.VolumesAsync(Ct)).Count > 0)
        {
            Assert.True(TimeProvider.System.GetUtcNow() < until, "a standing volume outlives its group");
            await Task.Delay(1000, Ct);
        }
    }

    private static async Task<StandingStatus> RoundAsync(FaultyCloudPair pair, Func<StandingStatus, bool> isSo)
    {
        var group = await pair.B.UntilGroupAsync(FieldPair.Group, g => g.Standing is
        {
            RoundEnded: not null, Volumes: [{ IsAtPoint: true }],
        } standing && isSo(standing), RoundLimit, TimeProvider.System, Ct);
        return group.Standing!;
    }

    private static async Task<StandingStatus?> StandingAsync(FaultyCloudPair pair) =>
        (await pair.B.AskAsync<GroupInfo>(["group", "get", FieldPair.Group], Ct)).Standing;

    private static string Site => Testbed.Member["lifeboat-".Length..];

    private static void Say(string what) => TestContext.Current.TestOutputHelper?.WriteLine(what);
}
