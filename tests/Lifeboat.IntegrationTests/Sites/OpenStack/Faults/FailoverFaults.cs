// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Lifeboat.Contracts.Api;
using Lifeboat.IntegrationTests.Life;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Sites.OpenStack.Faults;

/// <summary>
/// Failovers to a real cloud whose services fail: one that cannot be done leaves nothing behind, one that was cut short
/// is taken up again, and the oracle's records are all in the volume.
/// </summary>
[Collection(LifeCollection.Name)]
public sealed class FailoverFaults
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_is_undone_without_a_trace_or_taken_up_again_and_loses_and_doubles_nothing()
    {
        await using var pair = await FaultyCloudPair.StartAsync("lb-fault", Ct);
        var before = await pair.Project.ThingsAsync(Ct);
        await BuildFailsAsync(pair, before);
        var cut = await NovaStaysAwayAsync(pair);
        var point = await TakenUpAgainAsync(pair, cut, before);
        await ProveAsync(pair, point);
    }

    // Site a lives: when it was for nothing, its guest is protected as before.
    private static async Task BuildFailsAsync(FaultyCloudPair pair, IReadOnlyList<string> before)
    {
        var huge = await pair.Project.FlavorAsync(1 << 20, Ct);
        pair.Proxy.Inject(new(CloudApi.Compute, HttpMethod.Post, "/servers$")
        {
            Ask = body => body["server"]!["flavorRef"] = huge,
        });
        var run = await pair.StartRunAsync(Ct, "failover", FieldPair.Group, "--source-is-dead");
        var ended = await pair.EndAsync(run.Id, Ct);
        Assert.True(ended is { State: RunState.RolledBack, Reason: ReasonCode.NoRoom }, FaultyCloudPair.Told(ended));
        Assert.Contains("No valid host", ended.Detail);
        Assert.Equal(before, await pair.Project.ThingsAsync(Ct));
        var group = await pair.UntilProtectedAsync(Ct);
        Assert.Equal("a", group.Definition.PrimarySite);
        Assert.Contains(await pair.PointsAsync(Ct), p => p.Id == ended.PointId);
    }

    // Site a is lost. Nova builds the server, its answer does not arrive, and nothing after it.
    private static async Task<RunInfo> NovaStaysAwayAsync(FaultyCloudPair pair)
    {
        pair.Pair.A.KillEverything();
        await pair.Vm.KillAsync(Ct);
        pair.Proxy.Inject(new(CloudApi.BlockStorage, HttpMethod.Post, "/volumes$") { CarriedOut = true, Cut = true });
        pair.Proxy.Inject(new(CloudApi.Compute, HttpMethod.Post, "/servers$")
        {
            CarriedOut = true, Cut = true, Meanwhile = _ => pair.Proxy.CloseAsync(CloudApi.Compute),
        });
        var run = await pair.StartRunAsync(Ct, "failover", FieldPair.Group);
        var ended = await pair.EndAsync(run.Id, Ct);
        Assert.True(ended is { State: RunState.Failed, Reason: ReasonCode.CloudUnavailable },
            FaultyCloudPair.Told(ended));
        Assert.StartsWith("start-instances: Nova", ended.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain(ended.Steps, s => s.State is StepState.Undone);
        return ended;
    }

    private static async Task<RecoveryPoint> TakenUpAgainAsync(FaultyCloudPair pair, RunInfo run,
        IReadOnlyList<string> before)
    {
        // It is still pinned, or it could be gone when the run goes on.
        var point = Assert.Single(await pair.PointsAsync(Ct), p => p.Id == run.PointId);
        Assert.True(point.State is PointState.Pinned, $"point {point.Id} is not pinned");
        await pair.Proxy.OpenAsync(CloudApi.Compute, Ct);
        var revoked = pair.Proxy.Inject(new(CloudApi.Compute, HttpMethod.Get, "/servers/[0-9a-f-]{36}$")
        {
            Meanwhile = call => pair.Proxy.RevokeAsync(call.Token),
        });
        var killed = pair.Proxy.Inject(new(CloudApi.BlockStorage, HttpMethod.Post, "/metadata$")
        {
            CarriedOut = true, Status = HttpStatusCode.BadGateway, Meanwhile = _ => pair.KillControllerAsync(),
        });
        var ended = await pair.RetryAsync(run.Id, Ct);
        Assert.True(ended.State is RunState.Succeeded, FaultyCloudPair.Told(ended));
        Assert.Equal((1, 1), (revoked.Taken, killed.Taken));
        Assert.Equal(["port", "server", "volume"],
            (await pair.Project.ThingsAsync(Ct)).Except(before).Select(t => t.Split(' ')[0]).Order());
        var group = await pair.B.AskAsync<GroupInfo>(["group", "get", FieldPair.Group], Ct);
        Assert.Equal("b", group.Definition.PrimarySite);
        TestContext.Current.SendDiagnosticMessage(FaultyCloudPair.Told(ended));
        return point;
    }

    // The guest is stopped, and its volume read where it lies: all that was acknowledged before the point is there, and
    // its oracle went on behind it.
    private static async Task ProveAsync(FaultyCloudPair pair, RecoveryPoint point)
    {
        var cloud = pair.Project.Cloud;
        var server = Assert.Single(await cloud.Nova.ServersAsync(Ct));
        await cloud.Nova.StopServerAsync(server.Id, Ct);
        await new ServerWait(cloud.Nova, TimeProvider.System).UntilAsync(server.Id, "SHUTOFF", TimeSpan.FromMinutes(2),
            Ct);
        var volume = Assert.Single(await cloud.Cinder.VolumesAsync(Ct));
        var image = Path.Combine(pair.Pair.Directory, "recovered.img");
        var ceph = Testbed.DriverOptions(pair.B.Directory).Volumes["rbd"].Rbd!;
        await HostCommand.MustAsync("qemu-img", ["convert", "-O", "raw", "--image-opts",
            $"driver=raw,file.driver=rbd,file.pool={ceph.Pool},file.image=volume-{volume.Id},"
            + $"file.conf={ceph.ConfigurationFile},file.user={ceph.User}", image], Ct);
        var proof = await pair.ProveAsync(image, new OracleExpectation { CutAt = point.CutAt, LostMax = 0 }, Ct);
        Assert.True(proof.Holds, string.Join('\n', proof.Lines()));
        TestContext.Current.SendDiagnosticMessage(string.Join('\n', proof.Lines()));
    }
}
