// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Building;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Networking;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Sites.OpenStack;

/// <summary>Answers that a real Neutron does not give on demand.</summary>
public sealed class NetworkBuilderTests : IAsyncLifetime
{
    private const string Ports = "/network/v2.0/ports";
    private FakeCloud _cloud = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _cloud = await FakeCloud.StartAsync();

    public ValueTask DisposeAsync() => _cloud.DisposeAsync();

    [Theory]
    [InlineData(404, "PortNotFound", true)]
    [InlineData(409, "IpAddressGenerationFailure", false)]
    [InlineData(409, "OverQuota", null)]
    [InlineData(403, "PolicyNotAuthorized", null)]
    public async Task Whether_a_pool_has_an_address_is_heard_from_how_neutron_refuses(int status, string kind,
        bool? free)
    {
        _cloud.On("POST /network/v2.0/floatingips", Refusal(status, kind));
        using var session = _cloud.Session();
        Assert.Equal(free, await new CloudClients(session).Neutron.HasFreeAddressAsync("pool", Ct));
        Assert.DoesNotContain(_cloud.Requests, r => r.What.StartsWith("DELETE", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_cloud_that_takes_the_port_after_all_gets_its_address_back()
    {
        _cloud.On("POST /network/v2.0/floatingips", FakeCloud.Json("""
            {"floatingip": {"id": "f1", "floating_ip_address": "10.0.0.9", "floating_network_id": "pool"}}
            """, 201));
        _cloud.On("DELETE /network/v2.0/floatingips/f1", FakeCloud.Json("", 204));
        using var session = _cloud.Session();
        Assert.True(await new CloudClients(session).Neutron.HasFreeAddressAsync("pool", Ct));
        Assert.Single(_cloud.Asked("DELETE /network/v2.0/floatingips/f1"));
    }

    [Fact]
    public async Task Who_finds_that_another_one_was_made_no_later_takes_its_own_back()
    {
        var there = new List<Thing>();
        var dropped = new List<string>();
        var first = new Thing("one", new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        var kept = await MakeOnce.SharedAsync<Thing>(_ => Task.FromResult<IReadOnlyList<Thing>>([.. there]),
            _ =>
            {
                // The other controller looked before us, and made one in the same second.
                var mine = new Thing("mine", first.At);
                there.AddRange([first, mine]);
                return Task.FromResult(mine);
            }, (t, _) =>
            {
                dropped.Add(t.Id);
                there.Remove(t);
                return Task.CompletedTask;
            }, t => (t.Id, t.At), TimeProvider.System, Ct);
        Assert.Equal("one", kept.Id);
        Assert.Equal(["mine"], dropped);
    }

    [Fact]
    public async Task A_router_gets_snat_where_the_login_may_not_switch_it_off()
    {
        Lists(networks: """{"networks": []}""");
        _cloud.On("POST /network/v2.0/networks", FakeCloud.Json($$"""{"network": {{Network("begun")}} }""", 201));
        _cloud.On("GET /network/v2.0/networks", FakeCloud.Json("""{"networks": []}"""),
            FakeCloud.Json($$"""{"networks": [{{Network("begun")}}]}"""));
        _cloud.On("POST /network/v2.0/subnets", FakeCloud.Json($$"""{"subnet": {{Subnet}} }""", 201));
        _cloud.On("PUT /network/v2.0/networks/n1", FakeCloud.Json("{}"));
        _cloud.On("GET /network/v2.0/routers", FakeCloud.Json("""{"routers": []}"""),
            FakeCloud.Json($$"""{"routers": [{{Router}}]}"""));
        _cloud.On("POST /network/v2.0/routers", Refusal(403, "PolicyNotAuthorized"),
            FakeCloud.Json($$"""{"router": {{Router}} }""", 201));
        _cloud.On("PUT /network/v2.0/routers/r1/add_router_interface", FakeCloud.Json("{}"));
        using var session = _cloud.Session();
        var made = await Builder(session).MakeAsync(Order(snat: false), Ct);
        Assert.Equal("n1", made["lan"]);
        Assert.Equal(2, _cloud.Asked("POST /network/v2.0/routers").Count());
        Assert.Single(_cloud.Asked("PUT /network/v2.0/routers/r1/add_router_interface"));
    }

    [Fact]
    public async Task A_network_that_is_whole_is_left_as_somebody_changed_it()
    {
        Lists(networks: $$"""{"networks": [{{Network("whole")}}]}""");
        using var session = _cloud.Session();
        Assert.Equal("n1", (await Builder(session).MakeAsync(Order(snat: true), Ct))["lan"]);
        Assert.All(_cloud.Requests, r => Assert.True(r.What.StartsWith("GET", StringComparison.Ordinal)
            || r.What == "POST /v3/auth/tokens", r.What));
    }

    [Theory]
    [InlineData("whole", true)]
    [InlineData("nobody's", false)]
    public async Task A_dhcp_server_gives_way_on_our_networks_only(string mark, bool moves)
    {
        Lists(networks: $$"""{"networks": [{{Network(mark)}}]}""");
        _cloud.On("GET " + Ports, FakeCloud.Json("""
            {"ports": [{"id": "p1", "network_id": "n1", "mac_address": "fa:16:3e:00:00:01",
              "device_owner": "network:dhcp", "fixed_ips": [{"subnet_id": "s1", "ip_address": "10.0.0.2"}]},
             {"id": "p2", "network_id": "n1", "mac_address": "fa:16:3e:00:00:02", "device_owner": "compute:nova",
              "fixed_ips": [{"subnet_id": "s1", "ip_address": "10.0.0.6"}]}]}
            """));
        _cloud.On("GET /network/v2.0/subnets", FakeCloud.Json($$"""{"subnets": [{{Subnet}}]}"""));
        _cloud.On("PUT " + Ports + "/p1", async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            // The last one of the pool is somebody's.
            Assert.Equal("""{"port":{"fixed_ips":[{"subnet_id":"s1","ip_address":"10.0.0.5"}]}}""",
                await reader.ReadToEndAsync(Ct));
            await FakeCloud.Json("{}")(context);
        });
        using var session = _cloud.Session();
        Assert.Equal(moves, await Builder(session).MakeWayAsync("n1", ["10.0.0.2"], Ct));
        Assert.Equal(moves ? 1 : 0, _cloud.Asked("PUT " + Ports + "/p1").Count());
        // A server's never does.
        Assert.False(await Builder(session).MakeWayAsync("n1", ["10.0.0.6"], Ct));
    }

    private void Lists(string networks)
    {
        _cloud.On("GET /network/v2.0/networks", FakeCloud.Json(networks));
        _cloud.On("GET /network/v2.0/subnets", FakeCloud.Json("""{"subnets": []}"""));
        _cloud.On("GET " + Ports, FakeCloud.Json("""{"ports": []}"""));
    }

    private static RequestDelegate Refusal(int status, string kind) => FakeCloud.Json(
        $$"""{"NeutronError": {"type": "{{kind}}", "message": "refused", "detail": ""} }""", status);

    private static string Network(string mark)
    {
        var note = mark == "whole" ? Made.Finish(null) : mark == "begun" ? Made.Begin(null) : "the accountants'";
        return $$"""
            {"id": "n1", "name": "lan", "project_id": "{{FakeCloud.Project}}", "mtu": 1450, "description": "{{note}}"}
            """;
    }

    private const string Subnet = """
        {"id": "s1", "name": "", "network_id": "n1", "ip_version": 4, "cidr": "10.0.0.0/29", "gateway_ip": "10.0.0.1",
         "allocation_pools": [{"start": "10.0.0.2", "end": "10.0.0.6"}]}
        """;

    private const string Router = $$"""
        {"id": "r1", "name": "edge", "project_id": "{{FakeCloud.Project}}", "description": "(made by Lifeboat)"}
        """;

    private static NetworkBuilder Builder(CloudSession session) =>
        new(new CloudClients(session), TimeProvider.System, NullLogger<NetworkBuilder>.Instance);

    private static BuildOrder Order(bool snat)
    {
        var server = CloudMapperTests.Server();
        var network = new CloudNetwork("lan", true, [new CloudSubnet("", "10.0.0.0/29", 4, "10.0.0.1", false)])
        {
            Routers = [new CloudRouter("edge", "public", snat, [])],
        };
        var described = server with { Cloud = server.Cloud! with { Networks = [network] } };
        MappedThing[] things =
        [
            new(MappedKind.Network, "lan", MappedBecause.ToBeMade, null, "lan"),
            new(MappedKind.Router, "edge", MappedBecause.ToBeMade, null, "edge"),
            new(MappedKind.FloatingPool, "public", MappedBecause.SameName, "n0", "public"),
        ];
        return new BuildOrder("db", "db", described, new ServerMapping("db", things, [], []),
            new Dictionary<string, string>(), new HashSet<string>(), "");
    }

    private sealed record Thing(string Id, DateTimeOffset? At);
}
