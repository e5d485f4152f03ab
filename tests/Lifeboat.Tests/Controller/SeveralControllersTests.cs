// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Microsoft.AspNetCore.Builder;

namespace Lifeboat.Tests.Controller;

/// <summary>Two controllers of a recovery site over one PostgreSQL, in this process.</summary>
public sealed class SeveralControllersTests(PostgresFixture postgres)
{
    private static CancellationToken Ct => TwoSites.Ct;

    [Fact]
    public async Task Either_is_asked_one_carries_out_and_peers_reach_the_site_while_one_is_there()
    {
        await using var sites = await TwoSites.StartAsync(database: await postgres.EmptyAsync());
        var (second, controller) = await sites.B.AddControllerAsync("c2");
        await using var end = new Stopped(controller, second);
        await sites.ProtectAsync();
        await TwoSites.UntilAsync(sites.B, GroupState.Protected);

        // Asked for at both; carried out by one of them; what is asked of it arrives there.
        foreach (var (at, other) in new[] { (second, sites.B.Client), (sites.B.Client, second) })
        {
            var run = await at.StartRunAsync("shop",
                new StartRunRequest { Kind = RunKind.TestFailover, Hold = TimeSpan.FromHours(1) }, Ct);
            await UntilAsync(async () => (await other.RunAsync(run.Id, Ct)).Steps.Any(
                s => s.Name == "hold-open" && s.State is StepState.Running));
            await at.ReleaseRunAsync(run.Id, Ct);
            RunInfo? last = null;
            await foreach (var change in other.WatchRunAsync(run.Id, Ct)) last = change;
            Assert.Equal(RunState.Succeeded, last!.State);
            Assert.All(last.Steps, s => Assert.Equal(1, s.Attempts));
            Assert.Equal(run.Id, (await at.ReportAsync(run.Id, Ct)).Read().Run);
        }

        // The pairing knew of one; the exchange has told of the other.
        await UntilAsync(async () => (await sites.A.Client.SiteAsync(Ct)).Peers[0].ControllerUrl.Contains(','));
        await sites.B.StopControllerAsync();
        var stopped = TimeProvider.System.GetUtcNow();
        await UntilAsync(async () =>
            (await sites.A.Client.SiteAsync(Ct)).Peers[0] is { Reachable: true } b && b.LastSeen > stopped);
        await UntilAsync(async () => (await second.ControllersAsync(Ct)) is [{ IsThis: true, Groups: ["shop"] }]);
        var group = await sites.A.Client.GroupAsync("shop", Ct);
        Assert.NotNull(group.Replica);
    }

    [Fact]
    public async Task New_certificates_are_taken_over_by_every_controller()
    {
        await using var sites = await TwoSites.StartAsync(database: await postgres.EmptyAsync());
        var (second, controller) = await sites.B.AddControllerAsync("c2");
        await using var end = new Stopped(controller, second);
        var place = sites.B.Paths.OfController("c2");
        var before = await ShownAsync(place);
        await sites.B.Client.RotateCertificatesAsync(new RotateCertificatesRequest(false, TimeSpan.Zero, null), Ct);
        using var issued = X509Certificate2.CreateFromPem(File.ReadAllText(place.ControllerCertificate));
        Assert.NotEqual(issued.RawData, before);
        await UntilAsync(async () => (await ShownAsync(place)).AsSpan().SequenceEqual(issued.RawData));
    }

    private static async Task<byte[]> ShownAsync(SitePaths place)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(IPEndPoint.Parse(SiteConfiguration.Read(place.Root).ControllerListen), Ct);
        await using var tls = new SslStream(tcp.GetStream(), false, (_, _, _, _) => true);
        await tls.AuthenticateAsClientAsync("b");
        return tls.RemoteCertificate!.GetRawCertData();
    }

    [Fact]
    public async Task A_site_with_a_SQLite_file_gets_no_second_controller()
    {
        await using var sites = await TwoSites.StartAsync(paired: false);
        var one = Assert.Single(await sites.A.Client.ControllersAsync(Ct));
        Assert.True(one.IsThis);
        await TwoSites.RefusedAsync(ReasonCode.Conflict, () => sites.A.AddControllerAsync("c2"));
        await TwoSites.RefusedAsync(ReasonCode.InvalidRequest, () => Task.FromResult(SiteInitializer.AddController(
            sites.A.Paths.Root, new ControllerConfiguration("default", "nowhere"), TimeProvider.System)));
    }

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        var since = TimeProvider.System.GetTimestamp();
        while (!await holds())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(since) < TimeSpan.FromSeconds(30), "not within 30 s");
            await Task.Delay(100, Ct);
        }
    }

    private sealed class Stopped(WebApplication controller, ControllerClient client) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            client.Dispose();
            await controller.StopAsync(CancellationToken.None);
            await controller.DisposeAsync();
        }
    }
}
