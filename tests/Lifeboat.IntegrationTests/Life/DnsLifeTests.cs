// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Names;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Life;

/// <summary>A name follows its instance: there with the failover, back with the failback, at a real BIND 9.</summary>
[Collection(LifeCollection.Name)]
public sealed class DnsLifeTests
{
    private const string Shop = "shop.dr.test", AtA = "192.0.2.1", AtB = "192.0.2.22";

    [Fact]
    public async Task A_name_follows_its_instance_and_a_server_that_is_down_is_told_when_it_is_back()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var named = await NamedServer.StartAsync(ct);
        await using var pair = await FieldPair.StartAsync(ct);
        foreach (var site in new[] { pair.A, pair.B }) await NamesAtAsync(site, named, ct);
        await using var vm = await pair.StartGuestAsync("db", OracleWorkload.Default, OracleBus.VirtioBlk,
            [(96L << 20, OracleFileSystem.Ext4)], ct);
        await pair.ProtectAsync(vm, [], ct);
        await pair.A.MustAsync(["plan", "set", FieldPair.Group, "--dns", $"{Shop}=db", "--dns-ttl", "30s",
            "--dns-address", $"{Shop}@a={AtA}", "--dns-address", $"{Shop}@b={AtB}", "--dns-reverse"], ct);
        await pair.UntilAsync(pair.B, g => g.Definition.Dns is not null, TimeSpan.FromMinutes(1), ct);
        await pair.UntilProtectedAsync(pair.B, TimeSpan.FromMinutes(2), ct);

        // Told before anything runs; a drill has nothing to do with it.
        await named.StopAsync(ct);
        var told = await pair.B.RunAsync(["failover", FieldPair.Group, "--dry-run"], ct);
        Assert.Contains("does not answer", told.Output + told.Talk);
        await pair.B.MustAsync(["drill", FieldPair.Group, "--dry-run"], ct);
        await named.StartAgainAsync(ct);
        await pair.B.MustAsync(["failover", FieldPair.Group, "--dry-run"], ct);
        Assert.Equal([AtA], await named.AskAsync(Shop, "A", ct));

        await vm.KillAsync(ct);
        pair.A.KillEverything();
        await named.StopAsync(ct);
        var moved = await pair.B.RunAsync(["failover", FieldPair.Group, "--source-is-dead"], ct);
        Assert.True(moved.ExitCode == 0, moved.Talk);
        var run = (await pair.B.AskAsync<List<RunInfo>>(["run", "list", "--group", FieldPair.Group], ct))[0];
        Assert.Equal(RunState.SucceededWithWarnings, run.State);
        await named.StartAgainAsync(ct);
        // Nobody asks for it: the site goes on by itself.
        await LeadsAsync(named, AtB, pair.Time, ct);
        Assert.Equal($"{Shop}. 30 IN A {AtB}", await named.RecordAsync(Shop, "A", ct));
        Assert.Equal(["shop.dr.test."], await named.AskAsync("22." + NamedServer.ReverseZone, "PTR", ct));

        await pair.A.StartAsync(ct);
        await pair.UntilAsync(pair.A, g => g.Definition.PrimarySite == "b", TimeSpan.FromMinutes(2), ct);
        await pair.A.MustAsync(["failback", FieldPair.Group], ct);
        Assert.Equal([AtA], await named.AskAsync(Shop, "A", ct));
        Assert.Empty(await named.AskAsync("22." + NamedServer.ReverseZone, "PTR", ct));
    }

    // As an operator does it: the key's secret in a file, the zones in site.json, and the controller started anew.
    private static async Task NamesAtAsync(FieldSite site, NamedServer named, CancellationToken ct)
    {
        var secret = Path.Combine(site.Directory, "dns.key");
        await File.WriteAllTextAsync(secret, named.Secret, ct);
        File.SetUnixFileMode(secret, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var path = site.Paths.Configuration;
        var settings = JsonNode.Parse(await File.ReadAllTextAsync(path, ct))!;
        settings["dns"] = new JsonObject
        {
            ["zones"] = new JsonArray(
            [
                .. new[] { NamedServer.Zone, NamedServer.ReverseZone }.Select(z => (JsonNode)new JsonObject
                {
                    ["zone"] = z, ["server"] = named.Address, ["key"] = "lifeboat", ["secretFile"] = "dns.key",
                }),
            ]),
        };
        await File.WriteAllTextAsync(path, settings.ToJsonString(), ct);
        await site.MustAsync(["site", "stop"], ct);
        await site.StartAsync(ct);
    }

    private static async Task LeadsAsync(NamedServer named, string address, TimeProvider time, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        while (await named.AskAsync(Shop, "A", ct) is not [var found] || found != address)
        {
            Assert.True(time.GetElapsedTime(start) < TimeSpan.FromMinutes(1), $"{Shop} does not lead to {address}");
            await Task.Delay(TimeSpan.FromMilliseconds(500), time, ct);
        }
    }
}
