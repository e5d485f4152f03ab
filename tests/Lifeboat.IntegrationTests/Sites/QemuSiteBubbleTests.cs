// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Sites;

/// <summary>A drill's copy beside production: same address, no packet out, one way in, no trace after.</summary>
public sealed class QemuSiteBubbleTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_copy_in_a_bubble_is_reached_by_the_way_in_only_and_reaches_nothing()
    {
        await using var bench = new SiteBench();
        var disks = await bench.DisksAsync(OracleFileSystem.Raw);
        var description = await bench.DescribeAsync("vm1", disks);
        await bench.Site.StartAsync(SiteBench.InPlace(description, disks), bench.Ct);
        var bubbles = bench.Able<IMakesBubbles>();

        await bubbles.CreateBubbleAsync("drill", [description], bench.Ct);
        var copyDisks = await OracleDisk.CreateAllAsync(Path.Combine(bench.Root, "copy"), 64 << 20,
            [OracleFileSystem.Raw], bench.Ct);
        var copy = SiteBench.InPlace(description, copyDisks) with { Instance = "vm1-copy", Bubble = "drill" };
        await bench.Site.StartAsync(copy, bench.Ct);
        await bench.GuestUpAsync("vm1");
        await bench.GuestUpAsync("vm1-copy");
        Assert.Equal([SiteBench.Address],
            (await bench.Able<IProbesGuests>().AddressesAsync("vm1-copy", bench.Ct))[SiteBench.Mac]);
        // The copy has the port, but the witness is production's.
        Assert.Single(bench.Witness.History.Runs("guest"));

        var way = await bubbles.OpenWayInAsync("drill", "vm1-copy", 8080, "0.0.0.0/0", bench.Ct);
        Assert.Equal(way, await bubbles.OpenWayInAsync("drill", "vm1-copy", 8080, "0.0.0.0/0", bench.Ct));
        output.WriteLine($"way in: {way}");
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(20) };
        http.DefaultRequestHeaders.ConnectionClose = true;
        var page = new Uri($"http://{way}/");
        Assert.Contains("oracle", await http.GetStringAsync(page, bench.Ct), StringComparison.Ordinal);

        await NothingLeavesAsync(bench, way.Split(':')[0]);

        var traces = await bubbles.TracesAsync("drill", bench.Ct);
        Assert.Contains(traces, t => t.StartsWith("network namespace", StringComparison.Ordinal));
        Assert.Contains(traces, t => t.StartsWith("interface", StringComparison.Ordinal));
        Assert.Contains(traces, t => t.StartsWith("process", StringComparison.Ordinal));
        var inside = (await bench.Site.GetAsync("vm1-copy", bench.Ct)).ProcessId!.Value;
        await bubbles.DeleteBubbleAsync("drill", bench.Ct);
        Assert.Empty(await bubbles.TracesAsync("drill", bench.Ct));
        Assert.False(IsRunning(inside));
        Assert.False(Directory.Exists(Path.Combine(bench.Root, "instances", "vm1-copy")));
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => http.GetStringAsync(page, bench.Ct));
        // Production has not noticed.
        Assert.True(await bench.Able<IProbesGuests>().TcpAnswersAsync("vm1", 8080, bench.Ct));
    }

    // The guest tries the far end of the way in, a neighbour of it and the world; the bubble's host tries as well.
    private static async Task NothingLeavesAsync(SiteBench bench, string inner)
    {
        var probes = bench.Able<IProbesGuests>();
        var outer = string.Join('.', inner.Split('.')[..3]) + "." + (int.Parse(inner.Split('.')[3],
            System.Globalization.CultureInfo.InvariantCulture) - 1);
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Parse(outer), 9999);
        listener.Start();
        var space = (await HostCommand.MustAsync("ip", ["netns", "list"], bench.Ct)).Split('\n')
            .Select(l => l.Split(' ')[0]).Single(n => n.EndsWith("-drill", StringComparison.Ordinal)
                && Directory.Exists(Path.Combine(bench.Root, "bubble-drill")) && n.StartsWith(SpaceOf(bench)));
        var before = await AtRestAsync(space, bench.Ct);
        foreach (var target in new[] { outer, "169.254.0.1", "192.0.2.1" })
        {
            foreach (var way in new[] { $"nc -w 1 {target} 9999", $"ping -c 1 -W 1 {target}" })
            {
                var tried = await probes.RunInGuestAsync("vm1-copy", ["/bin/busybox", .. way.Split(' ')],
                    TimeSpan.FromSeconds(20), bench.Ct);
                Assert.NotEqual(0, tried.ExitCode);
            }
        }
        var host = await HostCommand.RunAsync("ip",
            ["netns", "exec", space, "busybox", "nc", "-w", "1", outer, "9999"], bench.Ct);
        Assert.NotEqual(0, host.ExitCode);
        Assert.False(listener.Pending());
        Assert.Equal(before, await SentAsync(space, bench.Ct));
    }

    // Who has ended but was not yet collected by init has no command line any more.
    private static bool IsRunning(int process) =>
        File.Exists($"/proc/{process}/cmdline") && File.ReadAllText($"/proc/{process}/cmdline").Length > 0;

    private static string SpaceOf(SiteBench bench) => "lb-" + Convert.ToHexStringLower(
        System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(bench.Root)))[..8];

    // The last answers of the connection that came in (its end, acknowledgements) are due within moments.
    private static async Task<long> AtRestAsync(string space, CancellationToken ct)
    {
        while (true)
        {
            var sent = await SentAsync(space, ct);
            await Task.Delay(TimeSpan.FromSeconds(2), ct);
            if (await SentAsync(space, ct) == sent) return sent;
        }
    }

    private static async Task<long> SentAsync(string space, CancellationToken ct)
    {
        var shown = await HostCommand.MustAsync("ip", ["-n", space, "-s", "-j", "link", "show", "way-in"], ct);
        using var json = JsonDocument.Parse(shown);
        return json.RootElement[0].GetProperty("stats64").GetProperty("tx").GetProperty("packets").GetInt64();
    }
}
