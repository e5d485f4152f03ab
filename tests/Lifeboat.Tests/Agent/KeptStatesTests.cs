// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Lifeboat.Agent;
using Lifeboat.Agent.Capture;
using Lifeboat.Agent.Capture.Gateway;
using Lifeboat.Agent.Heartbeats;
using Lifeboat.Agent.Linking;
using Lifeboat.Agent.Replicas;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Nbd;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Agent;

/// <summary>
/// What gave way at a site is kept beside the group's replica: it outlives that and the agent, is read over NBD like
/// any point, and goes when the last one who held it lets go, and no sooner.
/// </summary>
public sealed class KeptStatesTests : IAsyncLifetime
{
    private const string Group = "shop", Pin = "fork-2";
    private const int Size = 1 << 20;
    private static readonly DateTimeOffset Cut = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lb-");
    private readonly byte[] _left = new Prng(1).Bytes(Size);
    private CaptureGateway _gateway = null!;
    private QemuMonitors _monitors = null!;
    private HeartbeatPage _page = null!;
    private LinkBudgets _links = null!;
    private ReplicaRoster _roster = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private SitePaths Paths => new(_folder.FullName);
    private string Disk => Path.Combine(_folder.FullName, "disk.raw");

    public async ValueTask InitializeAsync()
    {
        foreach (var directory in new[] { Paths.Run, Paths.Views, Paths.Replicas })
            Directory.CreateDirectory(directory);
        await File.WriteAllBytesAsync(Disk, _left, Ct);
        await File.WriteAllTextAsync(Paths.Configuration, """{ "name": "a" }""", Ct);
        _gateway = CaptureGateway.Listen(Path.Combine(Paths.Run, "capture.sock"), TimeProvider.System);
        _monitors = new QemuMonitors(Paths.Run, TimeProvider.System);
        _page = HeartbeatPage.Open(Paths.Heartbeat);
        _links = new LinkBudgets(Paths, TimeProvider.System);
        _roster = await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _roster.DisposeAsync();
        _links.Dispose();
        _page.Dispose();
        _monitors.Dispose();
        await _gateway.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task It_outlives_the_disk_the_replica_and_the_agent()
    {
        var kept = await _roster.KeepAsync(Spec(), Ct);
        Assert.Equal((Pin, PointState.Pinned, new Epoch(2)), (kept.Name, kept.Point.State, kept.Point.Epoch));
        await _roster.PutAsync(Spec() with { Keep = null }, Ct);
        Assert.Equal([Group], _roster.Groups);
        Assert.Equal([kept.Point.Id], _roster.Points(Group).Select(p => p.Id));

        // Asked again, later and of another disk: what is kept stays as it is.
        await File.WriteAllBytesAsync(Disk, new byte[Size], Ct);
        var later = Spec() with { Keep = Spec().Keep! with { CutAt = Cut.AddHours(1) } };
        Assert.Equal(kept.Point.Id, (await _roster.KeepAsync(later, Ct)).Point.Id);
        Assert.Equal(_left, await ReadAsync(kept.Point.Id));

        await _roster.DeleteAsync(Group, Ct);
        Assert.Empty(_roster.Groups);
        Assert.Equal(_left, await ReadAsync(kept.Point.Id));

        await _roster.DisposeAsync();
        _roster = await StartAsync();
        Assert.Equal([kept.Point.Id], _roster.Points(Group).Select(p => p.Id));
        Assert.Equal(_left, await ReadAsync(kept.Point.Id));
    }

    [Fact]
    public async Task It_goes_when_the_last_pin_is_off_and_the_last_view_is_closed()
    {
        var kept = await _roster.KeepAsync(Spec(), Ct);
        await _roster.PinAsync(Group, new PinRequest("run-1", kept.Point.Id), Ct);
        await _roster.UnpinAsync(Group, Pin, Ct);
        Assert.Equal(["run-1"], _roster.Kept(Group)[0].Pins);

        await _roster.OpenViewAsync(Group, new ViewRequest("look", kept.Point.Id, null, Writable: true), Ct);
        await _roster.UnpinAsync(Group, "run-1", Ct);
        Assert.Equal(["look"], _roster.Kept(Group)[0].Views);
        Assert.True(Directory.Exists(Path.Combine(Paths.Replicas, $"{Group}.{Pin}")));

        await _roster.CloseViewAsync(Group, "look", Ct);
        Assert.Empty(_roster.Kept(Group));
        Assert.False(Directory.Exists(Path.Combine(Paths.Replicas, $"{Group}.{Pin}")));
        Assert.Equal(ReasonCode.GroupUnknown,
            Assert.Throws<ProblemException>(() => _roster.Points(Group)).Reason);
        Assert.Equal(_left, await File.ReadAllBytesAsync(Disk, Ct));
    }

    [Fact]
    public async Task A_replica_and_a_kept_state_are_not_taken_for_each_other()
    {
        var wrong = await Assert.ThrowsAsync<ProblemException>(() => _roster.PutAsync(Spec(), Ct));
        Assert.Equal(ReasonCode.InvalidRequest, wrong.Reason);
        wrong = await Assert.ThrowsAsync<ProblemException>(() => _roster.KeepAsync(Spec() with { Keep = null }, Ct));
        Assert.Equal(ReasonCode.InvalidRequest, wrong.Reason);
        Assert.Empty(Directory.GetDirectories(Paths.Replicas));
    }

    private async Task<byte[]> ReadAsync(Guid point)
    {
        var view = await _roster.OpenViewAsync(Group, new ViewRequest("read", point, null, Writable: false), Ct);
        var bytes = new byte[Size];
        await using (var nbd = await NbdClient.ConnectAsync(new UnixDomainSocketEndPoint(view.Volumes[0].Socket),
            new NbdClientOptions { Export = view.Volumes[0].Export }, Ct))
            await nbd.ReadAsync(0, bytes, Ct);
        await _roster.CloseViewAsync(Group, "read", Ct);
        return bytes;
    }

    private async Task<ReplicaRoster> StartAsync()
    {
        var roster = new ReplicaRoster(new AgentParts(Paths, _gateway, _monitors, new TlsLink(Paths,
            TimeProvider.System), _page, TimeProvider.System, NullLoggerFactory.Instance, _links));
        await roster.RestoreAsync(Ct);
        return roster;
    }

    private ReplicaSpec Spec() => new()
    {
        Group = Group,
        PrimarySite = "a",
        Epoch = new Epoch(3),
        Retention = Policy.Default.Retention,
        Volumes = [new ReplicaVolume(0, "db1.vda", Size, Disk, null, "raw")],
        Keep = new KeptSeed(Pin, "state of b in epoch 2", new Epoch(2), Cut),
    };
}
