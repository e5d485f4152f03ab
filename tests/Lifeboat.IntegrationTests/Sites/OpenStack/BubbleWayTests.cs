// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Lifeboat.Contracts.Sites;
using Lifeboat.IntegrationTests.Sites.OpenStack.Faults;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack;
using Lifeboat.Sites.OpenStack.Networking;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// A copy in a bubble of a real cloud is reached where a way was opened, and by nobody else, and reaches nobody. That
/// something would be heard of it here, a port that its guard has let go of shows.
/// </summary>
public sealed class BubbleWayTests : IDisposable
{
    private const string Name = "lb-mannway", Bubble = "run-mannway", Copy = "lb-mannway-copy";
    private const string Mac = "fa:16:3e:0b:0a:7c", Network = "web", Address = "192.168.61.44";
    private const int Oracle = 8080, Other = 8081;
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(4);
    private readonly string _folder = Directory.CreateTempSubdirectory("lb-way-").FullName;
    private Process? _view;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _view?.Kill();
        _view?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task What_is_opened_is_reached_and_nothing_comes_out()
    {
        await using var project = await TestProject.CreateAsync(Name, Ct);
        using var site = Open(project);
        var web = await project.Cloud.Neutron.CreateNetworkAsync(new NewNetwork(Network, Name), Ct);
        await project.Cloud.Neutron.CreateSubnetAsync(new NewSubnet(Network, web.Id, "192.168.61.0/24", 4)
        {
            GatewayIp = "192.168.61.1",
        }, Ct);
        var before = await AllAsync(project);
        var request = Request();
        try
        {
            await site.CreateBubbleAsync(Bubble, [request.Description], Ct);
            await site.StartAsync(request, Ct);
            var start = Stopwatch.GetTimestamp();
            while (!await site.AgentAnswersAsync(Copy, Ct))
            {
                Assert.True(Stopwatch.GetElapsedTime(start) < BootLimit, "its guest agent does not answer");
                await Task.Delay(TimeSpan.FromSeconds(1), Ct);
            }
            await RefusedAsync(site);
            var here = await OwnAddressAsync(project);
            var way = await site.OpenWayInAsync(Bubble, Copy, Oracle, $"{here}/32", Ct);
            Assert.Equal(way, await site.OpenWayInAsync(Bubble, Copy, Oracle, $"{here}/32", Ct));
            await ReachedAsync(way);
            await NobodyElseAsync(site, way);
            await NothingOutAsync(site, project, here);
            Assert.Contains(await site.TracesAsync(Bubble, Ct), t => t.StartsWith("router", StringComparison.Ordinal));
        }
        finally
        {
            await site.DeleteBubbleAsync(Bubble, CancellationToken.None);
        }
        Assert.Empty(await site.TracesAsync(Bubble, Ct));
        Assert.Equal(before, await AllAsync(project));
    }

    private static async Task RefusedAsync(OpenStackSite site)
    {
        foreach (var range in new[] { "192.168.61.0/24", "192.168.61.7/32", "192.168.0.0/16" })
            Assert.Contains("overlap", (await Assert.ThrowsAsync<SiteException>(
                () => site.OpenWayInAsync(Bubble, Copy, Oracle, range, Ct))).Message);
        Assert.Equal(SiteFault.NetworkUnknown, (await Assert.ThrowsAsync<SiteException>(
            () => site.OpenWayInAsync(Bubble, "nobody", Oracle, "0.0.0.0/0", Ct))).Fault);
    }

    // The oracle says how many records it has written.
    private static async Task ReachedAsync(string way)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        var said = "";
        for (var i = 0; i < 60 && said.Length == 0; i++)
            try
            {
                said = await http.GetStringAsync($"http://{way}/", Ct);
            }
            catch (Exception e) when (e is HttpRequestException
                || e is OperationCanceledException && !Ct.IsCancellationRequested)
            {
                // The agents of the cloud may take some seconds for the way.
                await Task.Delay(TimeSpan.FromSeconds(1), Ct);
            }
        Assert.Matches("[0-9]", said);
    }

    // A port that was not asked for, and one that was asked for others, though both are listened at.
    private static async Task NobodyElseAsync(OpenStackSite site, string way)
    {
        await InGuestAsync(site, $"nc -ll -p {Other} -e echo open >/dev/null 2>&1 &");
        Assert.Equal("open", (await InGuestAsync(site, $"nc -w 2 {Address} {Other}")).Trim());
        var address = way[..way.IndexOf(':', StringComparison.Ordinal)];
        await UnreachedAsync(address);
        Assert.Equal($"{address}:{Other}", await site.OpenWayInAsync(Bubble, Copy, Other, "192.0.2.0/24", Ct));
        await UnreachedAsync(address);
        await ReachedAsync(way);
    }

    private static async Task UnreachedAsync(string address)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        limit.CancelAfter(TimeSpan.FromSeconds(4));
        using var tcp = new TcpClient();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => tcp.ConnectAsync(IPAddress.Parse(address), Other, limit.Token).AsTask());
    }

    private static async Task NothingOutAsync(OpenStackSite site, TestProject project, string here)
    {
        using var ear = new UdpClient(new IPEndPoint(IPAddress.Parse(here), 0));
        var port = ((IPEndPoint)ear.Client.LocalEndPoint!).Port;
        Assert.Equal("", await HeardAsync(site, ear, here, port));
        var answers = await InGuestAsync(site, $"ping -c 2 -W 2 {here} || echo silent");
        Assert.Contains("silent", answers);
        // Were the guard not there, it would be heard: so the silence is the guard's.
        var server = Assert.Single(await project.Cloud.Nova.ServersAsync(Ct));
        var copy = Assert.Single(await project.Cloud.Neutron.PortsAsync(server.Id, Ct));
        var open = (await project.Cloud.Neutron.SecurityGroupsAsync(Ct)).First(g => g.Name == "default");
        await project.Cloud.Neutron.HoldPortAsync(copy.Id, [open.Id], Ct);
        var heard = "";
        for (var i = 0; i < 20 && heard.Length == 0; i++) heard = await HeardAsync(site, ear, here, port);
        Assert.Equal("heard", heard);
        await project.Cloud.Neutron.HoldPortAsync(copy.Id, copy.SecurityGroups!, Ct);
    }

    private static async Task<string> HeardAsync(OpenStackSite site, UdpClient ear, string here, int port)
    {
        // Its first datagram has the name of the file that it asks for.
        await InGuestAsync(site, $"timeout 3 tftp -g -r heard -l /dev/null {here} {port} >/dev/null 2>&1");
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        limit.CancelAfter(TimeSpan.FromSeconds(1));
        try
        {
            var said = Encoding.ASCII.GetString((await ear.ReceiveAsync(limit.Token)).Buffer);
            return said.Contains("heard", StringComparison.Ordinal) ? "heard" : said;
        }
        catch (OperationCanceledException) when (!Ct.IsCancellationRequested)
        {
            return "";
        }
    }

    private static async Task<string> InGuestAsync(OpenStackSite site, string command) =>
        (await site.RunInGuestAsync(Copy, ["/bin/sh", "-c", command], TimeSpan.FromSeconds(30), Ct)).Output;

    // By which this machine asks the cloud, and floating addresses.
    private static Task<string> OwnAddressAsync(TestProject project)
    {
        using var probe = new UdpClient();
        probe.Connect(project.Settings.AuthUrl.Host, 9);
        return Task.FromResult($"{((IPEndPoint)probe.Client.LocalEndPoint!).Address}");
    }

    private static async Task<IReadOnlyList<string>> AllAsync(TestProject project) =>
    [
        .. await project.ThingsAsync(Ct),
        .. (await project.Cloud.Neutron.RoutersAsync(Ct)).Where(r => r.ProjectId == project.Id)
            .Select(r => $"router {r.Name} {r.Id}"),
        .. (await project.Cloud.Neutron.SecurityGroupsAsync(Ct)).Select(g => $"group {g.Name} {g.Id}"),
    ];

    private OpenStackSite Open(TestProject project)
    {
        var file = Path.Combine(_folder, "clouds.yaml");
        File.WriteAllText(file, $"""
            clouds:
              mine:
                region_name: {project.Settings.Region}
                auth:
                  auth_url: {project.Settings.AuthUrl}
                  username: {Name}
                  password: {TestProject.Password}
                  project_name: {Name}
                  user_domain_name: Default
                  project_domain_name: Default
            """);
        var options = Testbed.DriverOptions(_folder) with { Cloud = "mine", CloudsFile = file };
        return new OpenStackSite(new SiteSetting(_folder, Testbed.Written(options)), TimeProvider.System,
            NullLoggerFactory.Instance);
    }

    private StartRequest Request()
    {
        (_view, var socket) = OracleView.Serve(_folder);
        return new StartRequest
        {
            Instance = Copy,
            Bubble = Bubble,
            Description = OracleView.Describe(Name, new InstanceNic(Network, "virtio", Mac, Address)),
            Disks = [new DiskSource("vda", null, socket, OracleView.Export, KeepWrites: false)],
        };
    }
}
