// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Text.Json.Nodes;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Qemu;
using Lifeboat.Qemu.Libvirt;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// Whatever a user asks of Nova and Cinder gives the same of a protected server as of its unprotected twin, both
/// written to all the while; and afterwards the group is whole again soon, with little moved.
/// </summary>
public sealed class OpenStackManners(ITestOutputHelper output)
{
    private const string Group = "shop";
    /// <summary>Written again and again in the second half of both data disks, which the oracle leaves alone.</summary>
    private const int LoadBytes = 8 << 20;
    private static readonly TimeSpan Whole = TimeSpan.FromSeconds(30);
    private static readonly QmpOptions Agent = QmpOptions.Default with { ConnectLimit = TimeSpan.FromSeconds(3) };
    private readonly string _name = $"lbm{Guid.NewGuid().ToString("n")[..6]}";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory(Timeout = 45 * 60 * 1000)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_asked_of_a_protected_server_gives_what_its_unprotected_twin_gives(bool imageBacked)
    {
        if (Environment.GetEnvironmentVariable("LIFEBOAT_TESTBED_TRIAL") != "yes")
            Assert.Skip("it puts a gate before the libvirt of site a of the testbed: ./testbed trial runs it");
        await using var a = await TestCloud.StartAsync("a", _name, Ct);
        await using var b = await TestCloud.StartAsync("b", _name, Ct);
        await a.Site.PairWithAsync(b.Site, Ct);
        await using var test = new TestServer(a.Clients, _name);
        await using var gate = await a.OpenGateAsync(Ct);
        var twin = await BuildAsync(a, test, "twin", imageBacked);
        var ours = await BuildAsync(a, test, "ours", imageBacked);
        await a.Site.MustAsync(["group", "create", Group, "--instance", $"{_name}-ours", "--recovery-site", "b"], Ct);
        await a.Site.UntilGroupAsync(Group, FieldSite.IsProtected, Patience.Limit, TimeProvider.System, Ct);
        var wrong = new List<string>();
        foreach (var request in Requests(a, imageBacked))
        {
            await LoadAsync(a, twin.Server);
            var wanted = await request.AskAsync(twin);
            await LoadAsync(a, ours.Server);
            var before = (await a.Site.AskAsync<GroupInfo>(["group", "get", Group], Ct)).Source!.Totals!;
            var start = Stopwatch.GetTimestamp();
            var got = await request.AskAsync(ours);
            var took = Stopwatch.GetElapsedTime(start);
            start = Stopwatch.GetTimestamp();
            var group = await a.Site.UntilGroupAsync(Group, FieldSite.IsProtected, Patience.Limit,
                TimeProvider.System, Ct);
            var whole = Stopwatch.GetElapsedTime(start);
            var line = $"{request.Name}: {got} ({took.TotalSeconds:0} s); whole after {whole.TotalSeconds:0.0} s, "
                + $"last sync {group.Source!.LastResync} {group.Source.ResyncMovedBytes} of "
                + $"{group.Source.ResyncExaminedBytes}; {group.Source.Totals!.CapturedBytes - before.CapturedBytes} "
                + "bytes captured meanwhile";
            output.WriteLine(line);
            if (got != wanted) wrong.Add($"{line}; the twin: {wanted}");
            if (whole > Whole) wrong.Add($"{line}: too late");
            if (group.Source.ResyncMovedBytes > MovedMax) wrong.Add($"{line}: moved too much");
        }
        Assert.Empty(wrong);
        await Patience.UntilAsync("the guest agent answers", () => AnswersAsync(a, ours.Server));
        await ProveAsync(a.Site, b.Site);
        Assert.Empty(await a.DisagreementsAsync(Ct));
        await a.Site.MustAsync(["group", "delete", Group], Ct);
    }

    // What the load rewrites, once on each disk, and what the guest wrote beside it while it booted.
    private const long MovedMax = 2L * LoadBytes + (24L << 20);

    private async Task<Twin> BuildAsync(TestCloud a, TestServer test, string part, bool imageBacked)
    {
        var project = await a.Clients.InventoryAsync(Ct);
        var image = project.Images.First(i => i.Name == "oracle").Id;
        var fast = await test.VolumeAsync($"{part}-fast", 1, "rbd", null, Ct);
        var slow = await test.VolumeAsync($"{part}-slow", 1, "nfs", null, Ct);
        var extra = await test.VolumeAsync($"{part}-extra", 1, "rbd", null, Ct);
        CinderVolume[] boot = imageBacked ? [] : [await test.VolumeAsync($"{part}-root", 1, "rbd", image, Ct)];
        var flavor = project.Flavors.First(f => f.Name == (imageBacked ? "oracle" : "oracle.volume")).Id;
        var server = await test.BuildAsync(part, flavor, [.. boot, fast, slow], null, null, Ct,
            imageBacked ? image : null, tagged: false);
        var twin = new Twin(server.Id, fast.Id, slow.Id, extra.Id,
            project.Flavors.First(f => f.Name == (imageBacked ? "small" : "small.volume")).Id);
        await Patience.UntilAsync("the guest agent answers", () => AnswersAsync(a, server.Id));
        return twin;
    }

    private static IEnumerable<TwinRequest> Requests(TestCloud a, bool imageBacked)
    {
        var asks = new ServerAsks(a.Clients, a.Session);
        yield return new("pause and unpause", async t => await asks.ActAsync(t.Server, "pause", null, "PAUSED")
            + ", " + await asks.ActAsync(t.Server, "unpause", null, "ACTIVE"));
        yield return new("suspend and resume", async t => await asks.ActAsync(t.Server, "suspend", null, "SUSPENDED")
            + ", " + await asks.ActAsync(t.Server, "resume", null, "ACTIVE"));
        yield return new("reboot soft",
            t => asks.ActAsync(t.Server, "reboot", new JsonObject { ["type"] = "SOFT" }, "ACTIVE"));
        yield return new("reboot hard",
            t => asks.ActAsync(t.Server, "reboot", new JsonObject { ["type"] = "HARD" }, "ACTIVE"));
        yield return new("stop and start", async t => await asks.ActAsync(t.Server, "os-stop", null, "SHUTOFF")
            + ", " + await asks.ActAsync(t.Server, "os-start", null, "ACTIVE"));
        yield return new("createImage", t => asks.ImageAsync(t.Server));
        yield return new("snapshot of the volume in Ceph", t => asks.SnapshotAsync(t.Fast, backup: true));
        yield return new("snapshot of the volume on NFS", t => asks.SnapshotAsync(t.Slow, backup: true));
        yield return new("attach and detach", t => asks.PlugAsync(t.Server, t.Extra));
        yield return new("extend in Ceph", async t =>
        {
            var said = await asks.ExtendAsync(t.Fast, 2);
            await a.UntilSizeAsync(t.Server, t.Fast, 2L << 30, Ct);
            return said;
        });
        if (imageBacked) yield break;
        yield return new("resize", t => asks.ResizeAsync(t.Server, t.Larger));
    }

    // Goes on until the guest ends; asked again after a boot it begins again.
    private async Task LoadAsync(TestCloud a, string server)
    {
        const string Script = "[ -e /tmp/load ] && exit; mkdir -p /tmp; touch /tmp/load; (n=0; while :; do "
            + "for d in vdb vdc; do dd if=/dev/urandom of=/dev/$d bs=65536 count=1 seek=$((8192 + n % 128)) "
            + "conv=notrunc,fsync; done; n=$((n + 1)); sleep 0.05; done) </dev/null >/dev/null 2>&1 &";
        await Patience.UntilAsync("the guest agent answers", () => AnswersAsync(a, server));
        await AgentOf(a, server).RunAsync("/bin/sh", ["-c", Script], TimeSpan.FromSeconds(20), Ct);
    }

    private static async Task<bool> AnswersAsync(TestCloud a, string server)
    {
        try
        {
            await AgentOf(a, server).PingAsync(Ct);
            return true;
        }
        catch (QmpException)
        {
            return false;
        }
    }

    private static GuestAgentClient AgentOf(TestCloud a, string server) =>
        new(new LibvirtAddress(a.Libvirt, server).ToString(), Agent, TimeProvider.System);

    private async Task ProveAsync(FieldSite a, FieldSite b)
    {
        var folder = Directory.CreateTempSubdirectory("lb-manners-").FullName;
        try
        {
            var cut = await a.AskAsync<CheckpointResult>(["point", "create", Group, "--quiesce"], Ct);
            await b.MustAsync(["point", "export", Group, "--point", $"{cut.Point.Id}", "--to", folder], Ct);
            var proof = await OracleChecker.CheckAsync(await PartitionedDisk.OracleImagesAsync(folder, Ct),
                new OracleExpectation { MustEndWithMark = true, WorkDirectory = folder }, Ct);
            Assert.True(proof.Holds, $"{cut.Point.Consistency} {cut.Point.Note}: {string.Join("; ", proof.Lines())}");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <param name="Larger">A flavor to resize to.</param>
    private sealed record Twin(string Server, string Fast, string Slow, string Extra, string Larger);

    private sealed record TwinRequest(string Name, Func<Twin, Task<string>> AskAsync);
}
