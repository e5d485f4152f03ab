// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;
using Lifeboat.Testing.Oracle;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Sites;

/// <summary>A site directory of its own with the shipped driver over it, and oracle guests to start there.</summary>
internal sealed class SiteBench : IAsyncDisposable
{
    public const string Mac = "52:54:00:aa:00:01";
    public const string Address = "192.168.77.21";

    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(4));

    public SiteBench()
    {
        // Tap interfaces, namespaces and the DHCP server are root's.
        if (Environment.UserName != "root") Assert.Skip("networks of the embedded site need root");
        Root = Directory.CreateTempSubdirectory("lb-").FullName;
        Site = Open();
        Witness.Listen("guest", WitnessSocket);
    }

    public string Root { get; }
    public ISite Site { get; private set; }
    public Witness Witness { get; } = new(TimeProvider.System);
    public string WitnessSocket => Path.Combine(Root, "wit.sock");
    public CancellationToken Ct => _limit.Token;
    public T Able<T>() where T : class => Assert.IsType<T>(Site, exactMatch: false);

    /// <summary>As after the controller was killed: another driver object over the same directory.</summary>
    public void Reopen(string? options = null) => Site = Open(options);

    private ISite Open(string? options = null) => SiteDrivers.Shipped().Open("qemu",
        new SiteSetting(Root, options is null ? null : System.Text.Json.JsonElement.Parse(options)),
        TimeProvider.System, NullLoggerFactory.Instance);

    public async Task<InstanceDescription> DescribeAsync(string name, IReadOnlyList<OracleDisk> disks,
        OracleWorkload? workload = null)
    {
        var guest = await OracleGuest.BuildAsync(Ct);
        var work = workload ?? OracleWorkload.Default with { Pause = TimeSpan.FromMilliseconds(5) };
        return new InstanceDescription
        {
            Name = name,
            Cpus = 1,
            MemoryMiB = 192,
            GuestAgent = true,
            Kernel = new KernelBoot(guest.KernelFile, guest.InitrdFile, work.CommandLine(disks.Count)),
            Disks = [.. disks.Select(
                (d, i) => new InstanceDisk($"vd{(char)('a' + i)}", "virtio", i, d.SizeBytes, null))],
            Nics = [new InstanceNic("default", "virtio", Mac, Address)],
            Channels = [new InstanceChannel("lifeboat.witness", WitnessSocket)],
        };
    }

    public static StartRequest InPlace(InstanceDescription description, IReadOnlyList<OracleDisk> disks) => new()
    {
        Instance = description.Name,
        Description = description,
        Disks = [.. disks.Select((d, i) => new DiskSource(description.Disks[i].Name, d.Path, null, null, false))],
    };

    public Task<IReadOnlyList<OracleDisk>> DisksAsync(params OracleFileSystem[] kinds) =>
        OracleDisk.CreateAllAsync(Path.Combine(Root, "images"), 64 << 20, kinds, Ct);

    /// <summary>A guest that shows its address has brought up everything it has.</summary>
    public async Task GuestUpAsync(ISite site, string instance, CancellationToken ct)
    {
        var probes = (IProbesGuests)site;
        while (!await probes.AgentAnswersAsync(instance, ct)) await Task.Delay(200, ct);
        while (!await probes.TcpAnswersAsync(instance, 8080, ct)) await Task.Delay(200, ct);
    }

    /// <summary>The guest writes, in its Nth boot (a generation of the oracle).</summary>
    public Task RecordsOfBootAsync(int boot) => Witness.History.WaitUntilAsync(
        h => h.Latest("guest") is { Acks.Count: > 10 } run && run.Generation == boot, Ct);

    public Task GuestUpAsync(string instance) => GuestUpAsync(Site, instance, Ct);

    /// <summary>On these disks is one cut that ends with the newest record the witness ever heard of.</summary>
    public async Task NothingIsLostAsync(IEnumerable<string> images, ITestOutputHelper output)
    {
        var proof = await OracleChecker.CheckAsync([.. images.Select(i => new OracleImage(i))],
            new OracleExpectation { Witness = Witness.History, LostMax = 0, WorkDirectory = Root }, Ct);
        foreach (var line in proof.Lines()) output.WriteLine(line);
        Assert.True(proof.Holds);
        Assert.True(proof.Newest > 0);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var folder in Directory.EnumerateDirectories(Root, "bubble-*"))
            await Able<IMakesBubbles>().DeleteBubbleAsync(Path.GetFileName(folder)["bubble-".Length..],
                CancellationToken.None);
        foreach (var left in await Site.ListAsync(CancellationToken.None))
        {
            await Site.StopAsync(left.Name, CancellationToken.None);
            await Site.RemoveAsync(left.Name, CancellationToken.None);
        }
        await Witness.DisposeAsync();
        _limit.Dispose();
        Directory.Delete(Root, recursive: true);
    }
}
