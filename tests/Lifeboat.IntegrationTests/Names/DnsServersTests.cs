// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Names;
using Lifeboat.Recovery.Names;
using Lifeboat.Testing.Names;

namespace Lifeboat.IntegrationTests.Names;

/// <summary>Updates of names at a real BIND 9; what it says is asked with `dig`.</summary>
public sealed class DnsServersTests : IAsyncLifetime
{
    private const string Shop = "shop.dr.test";
    private readonly string _root = Directory.CreateTempSubdirectory("lb-dns-").FullName;
    private NamedServer _named = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _named = await NamedServer.StartAsync(Ct);

    public async ValueTask DisposeAsync()
    {
        await _named.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }

    [Theory]
    [InlineData("lifeboat", DnsZone.Sha256)]
    [InlineData("strong", DnsZone.Sha512)]
    public async Task A_name_is_replaced_whole_and_nothing_else_is_touched(string key, string algorithm)
    {
        var servers = Servers(z => z with { Key = key, Algorithm = algorithm });
        var made = await servers.LeadAsync(Order(["192.0.2.20", "2001:db8::20"]), Ct);
        Assert.Null(made.Problem);
        Assert.Contains("(before: 192.0.2.1)", Assert.Single(made.Evidence));
        Assert.Equal($"{Shop}. 60 IN A 192.0.2.20", await _named.RecordAsync(Shop, "A", Ct));
        Assert.Equal($"{Shop}. 60 IN AAAA 2001:db8::20", await _named.RecordAsync(Shop, "AAAA", Ct));
        Assert.Equal(["\"somebody's own\""], await _named.AskAsync(Shop, "TXT", Ct));
        Assert.Equal(["192.0.2.7"], await _named.AskAsync("other.dr.test", "A", Ct));

        // Back again: the IPv6 address has no successor and goes.
        Assert.Null((await servers.LeadAsync(Order(["192.0.2.1"]), Ct)).Problem);
        Assert.Equal(["192.0.2.1"], await _named.AskAsync(Shop, "A", Ct));
        Assert.Empty(await _named.AskAsync(Shop, "AAAA", Ct));
    }

    [Fact]
    public async Task What_leads_there_already_is_left_as_it_is_and_another_ttl_is_a_change()
    {
        var servers = Servers();
        await servers.LeadAsync(Order(["192.0.2.20"]), Ct);
        var serial = await _named.SerialAsync(Ct);
        var again = await servers.LeadAsync(Order(["192.0.2.20"]), Ct);
        Assert.Null(again.Problem);
        Assert.Equal(serial, await _named.SerialAsync(Ct));
        Assert.Contains("already", Assert.Single(again.Evidence));
        Assert.Null(await servers.ProblemAsync("shop", Shop, Ct));
        Assert.Equal(serial, await _named.SerialAsync(Ct));
        await servers.LeadAsync(Order(["192.0.2.20"]) with { Ttl = TimeSpan.FromSeconds(5) }, Ct);
        Assert.Equal($"{Shop}. 5 IN A 192.0.2.20", await _named.RecordAsync(Shop, "A", Ct));
    }

    [Fact]
    public async Task Addresses_lead_back_and_those_that_it_had_no_more_but_anothers_stay()
    {
        var servers = Servers();
        var made = await servers.LeadAsync(Order(["192.0.2.20"]) with { Reverse = true }, Ct);
        Assert.Null(made.Problem);
        Assert.Equal(["shop.dr.test."], await _named.AskAsync("20." + NamedServer.ReverseZone, "PTR", Ct));
        Assert.Empty(await _named.AskAsync("1." + NamedServer.ReverseZone, "PTR", Ct));

        var taken = await servers.LeadAsync(Order(["192.0.2.7"]) with { Reverse = true }, Ct);
        Assert.Contains("it leads to other.dr.test, which is left as it is", taken.Problem);
        Assert.False(taken.MayPass);
        Assert.Equal(["192.0.2.7"], await _named.AskAsync(Shop, "A", Ct));
        Assert.Equal(["other.dr.test."], await _named.AskAsync("7." + NamedServer.ReverseZone, "PTR", Ct));

        var foreign = await servers.LeadAsync(Order(["198.51.100.1"]) with { Reverse = true }, Ct);
        Assert.Contains("in no zone of site b", foreign.Problem);
        Assert.Equal(["198.51.100.1"], await _named.AskAsync(Shop, "A", Ct));
    }

    [Fact]
    public async Task A_wrong_key_secret_or_right_a_foreign_zone_and_an_alias_are_told_before_and_change_nothing()
    {
        var before = await _named.SerialAsync(Ct);
        await RefusedAsync(Servers(z => z with { Key = "nobody" }), Shop, "does not know a key nobody");
        await RefusedAsync(Servers(z => z with { Algorithm = DnsZone.Sha512 }), Shop, "refuses the key lifeboat");
        await RefusedAsync(Servers(secret: Convert.ToBase64String(new byte[32])), Shop, "is not that of its key");
        await RefusedAsync(Servers(z => z with { Key = "reader" }), Shop, "the key reader may not do that");
        await RefusedAsync(Servers(z => z with { Zone = "example.org" }), "www.example.org", "about zone example.org");
        await RefusedAsync(Servers(), "www.example.org", "it is in no zone of site b");
        await RefusedAsync(Servers(z => z with { Tenants = ["acme"] }), Shop, "tenant default may have no names");
        var servers = Servers();
        File.SetUnixFileMode(Path.Combine(_root, "dns.key"), (UnixFileMode)0x1A4);
        await RefusedAsync(servers, Shop, "chmod 600");
        Assert.Equal(before, await _named.SerialAsync(Ct));
        var alias = await Servers().LeadAsync(Order(["192.0.2.20"]) with { Name = "alias.dr.test" }, Ct);
        Assert.Contains("is it an alias (CNAME)?", alias.Problem);
        Assert.Equal(["192.0.2.7", "other.dr.test."], await _named.AskAsync("alias.dr.test", "A", Ct));
    }

    [Fact]
    public async Task A_server_that_is_down_may_come_back_and_then_it_is_done()
    {
        var servers = Servers();
        await _named.StopAsync(Ct);
        var down = await servers.LeadAsync(Order(["192.0.2.20"]), Ct);
        Assert.Contains($"name server {_named.Address} of zone dr.test does not answer", down.Problem);
        Assert.True(down.MayPass);
        Assert.Contains("does not answer", await servers.ProblemAsync("shop", Shop, Ct));
        await _named.StartAgainAsync(Ct);
        Assert.Null((await servers.LeadAsync(Order(["192.0.2.20"]), Ct)).Problem);
        Assert.Equal(["192.0.2.20"], await _named.AskAsync(Shop, "A", Ct));
    }

    private static async Task RefusedAsync(DnsServers servers, string name, string says)
    {
        var problem = await servers.ProblemAsync("shop", name, Ct);
        Assert.Contains(says, problem);
        var outcome = await servers.LeadAsync(Order(["192.0.2.20"]) with { Name = name }, Ct);
        Assert.Contains(says, outcome.Problem);
        Assert.False(outcome.MayPass);
    }

    private static NameOrder Order(string[] addresses) =>
        new("shop", Shop, addresses, TimeSpan.FromMinutes(1), Reverse: false);

    private DnsServers Servers(Func<DnsZone, DnsZone>? change = null, string? secret = null)
    {
        var file = Path.Combine(_root, "dns.key");
        File.WriteAllText(file, secret ?? _named.Secret);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var zone = new DnsZone
        {
            Zone = NamedServer.Zone, Server = _named.Address, Key = "lifeboat", SecretFile = "dns.key",
        };
        var site = new SiteConfiguration
        {
            Name = "b",
            Dns = new DnsSettings
            {
                Zones = [(change ?? (z => z))(zone), zone with { Zone = NamedServer.ReverseZone }],
            },
        };
        return new DnsServers(site, new SitePaths(_root), static () => [], TimeProvider.System);
    }
}
