// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Lifeboat.Contracts.Sites;
using Lifeboat.IntegrationTests.Life;
using Lifeboat.IntegrationTests.Sites.OpenStack.Faults;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack.Appliances;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Building;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Filling;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Nbd;
using Lifeboat.Testing.Oracle;
using Microsoft.Extensions.Logging;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// Volumes of a real cloud are filled by recovery appliances, in Ceph and on NFS, as a member of the project can have
/// them; appliances are lost on the way. What is in a volume is compared with the view, byte by byte, where it lies.
/// </summary>
[Collection(LifeCollection.Name)]
public sealed class ApplianceVolumes(ITestOutputHelper output) : IAsyncDisposable
{
    private const string Instance = "app";
    private const int DataMiB = 192;
    private readonly string _folder = Directory.CreateTempSubdirectory("lb-app-").FullName;
    private readonly List<Process> _views = [];
    private readonly List<ApplianceServers> _opened = [];
    private TestProject _project = null!;
    private FieldSite _site = null!;
    private ApplianceSettings _settings = null!;
    private StartRequest _request = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private static string Letter => Testbed.Member["lifeboat-".Length..];

    public async ValueTask DisposeAsync()
    {
        foreach (var servers in _opened) servers.Dispose();
        if (_project is not null) await _project.DisposeAsync();
        if (_site is not null) await _site.DisposeAsync();
        foreach (var view in _views)
        {
            view.Kill();
            view.Dispose();
        }
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task They_hold_what_the_view_holds_whatever_becomes_of_the_appliances()
    {
        await BeginAsync();
        var before = await _project.ThingsAsync(Ct);
        await SpreadAsync();
        await LostAsync("deleted", s => _project.Cloud.Nova.DeleteServerAsync(s.Id, Ct));
        await LostAsync("killed", KillAsync);
        await GoneOnWithAsync();
        await NeverAgainAsync();
        // What is left of appliances goes when it was not needed for a while, with what hangs on it.
        var last = Open(_settings with { Keep = TimeSpan.Zero });
        await Patience.UntilAsync("nothing of appliances is left", () => last.TendAsync(Ct));
        Assert.Equal(before, await _project.ThingsAsync(Ct));
    }

    // Two disks, two appliances at the same time.
    private async Task SpreadAsync()
    {
        var start = Stopwatch.GetTimestamp();
        var seen = new HashSet<string>();
        var building = BuildAsync("spread", Open(_settings), Ct);
        while (!building.IsCompleted)
        {
            foreach (var volume in await _project.Cloud.Cinder.VolumesAsync(Ct))
                if (volume.Attachments?.FirstOrDefault()?.ServerId is { } server) seen.Add(server);
            await Task.WhenAny(building, Task.Delay(500, Ct));
        }
        var made = await building;
        output.WriteLine($"spread: two volumes in {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
        await ProveAsync(made, "spread");
        Assert.Equal(2, seen.Count);
        await RemoveAsync(made);
    }

    private async Task LostAsync(string how, Func<NovaServer, Task> lose)
    {
        var start = Stopwatch.GetTimestamp();
        var building = BuildAsync(how, Open(_settings with { AtMost = 1, SilenceMax = TimeSpan.FromSeconds(20) }), Ct);
        var victim = await InTheMiddleAsync(building);
        await lose(victim);
        output.WriteLine($"{how}: {victim.Name} after {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
        var made = await building;
        output.WriteLine($"{how}: filled after {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
        await ProveAsync(made, how);
        Assert.DoesNotContain(await _project.Cloud.Nova.ServersAsync(Ct), s => s.Id == victim.Id);
        await RemoveAsync(made);
    }

    // A controller that ends in the middle, and the next one, which knows of nothing.
    private async Task GoneOnWithAsync()
    {
        using var killed = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var first = BuildAsync("gone-on", Open(_settings), killed.Token);
        await InTheMiddleAsync(first);
        await killed.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        var volumes = (await _project.Cloud.Cinder.VolumesAsync(Ct)).Select(v => v.Id).Order().ToList();
        var made = await BuildAsync("gone-on", Open(_settings), Ct);
        Assert.Equal(volumes, made.Values.Order());
        await ProveAsync(made, "gone-on");
        await RemoveAsync(made);
    }

    // Whoever still has a connection cannot write into a volume that was taken out, by that or by a new one.
    private async Task NeverAgainAsync()
    {
        var servers = Open(_settings);
        var made = await _project.Cloud.Cinder.CreateVolumeAsync(new NewVolume("lb-app-fence", 1, "rbd"), Ct);
        var (open, at) = await servers.OpenAsync(made.Id, 1 << 30, Ct);
        var piece = new byte[1 << 20];
        piece.AsSpan().Fill(7);
        await open.WriteAsync(0, piece, Ct);
        await open.FlushAsync(Ct);
        await servers.TakeOutAsync(made.Id, Ct);
        await Assert.ThrowsAsync<SiteException>(async () =>
        {
            await open.WriteAsync(0, new byte[1 << 20], Ct);
            await open.FlushAsync(Ct);
        });
        await open.DisposeAsync();
        using var own = X509Certificate2.CreateFromPemFile(_site.Paths.ControllerCertificate,
            _site.Paths.ControllerKey);
        await Assert.ThrowsAsync<SiteException>(() => ApplianceVolume.OpenAsync(at.Address, at.Fingerprint, own,
            made.Id, 1, TimeProvider.System, Ct));
        // Nobody who shows another certificate, or is shown one, is let in.
        using var stranger = X509Certificate2.CreateFromPemFile(_site.Paths.AgentCertificate, _site.Paths.AgentKey);
        await Assert.ThrowsAsync<SiteException>(() => ApplianceVolume.OpenAsync(at.Address, at.Fingerprint, stranger,
            made.Id, 1, TimeProvider.System, Ct));
        await _project.Cloud.Cinder.DeleteVolumeAsync(made.Id, Ct);
        await Patience.UntilAsync("the volume is gone",
            async () => await _project.Cloud.Cinder.FindVolumeAsync(made.Id, Ct) is null);
    }

    private async Task BeginAsync()
    {
        ApplianceImageFile.SkipUnlessThere();
        _project = await TestProject.CreateAsync("lb-app", Ct);
        await _project.RouteAsync(Ct);
        _site = new FieldSite(Letter, Path.Combine(_folder, "site"));
        await _site.InitAsync(Ct);
        _settings = new ApplianceSettings
        {
            Network = "lan",
            Flavor = "small",
            Image = ApplianceImageFile.Path,
            FloatingPool = TestProject.Pool,
        };
        var rbd = await ViewAsync("rbd", DataMiB);
        var nfs = await ViewAsync("nfs", DataMiB / 2);
        var description = new InstanceDescription
        {
            Name = Instance,
            Cpus = 1,
            MemoryMiB = 128,
            Machine = "pc",
            Disks = [new InstanceDisk("rbd", "virtio", 0, rbd, null), new InstanceDisk("nfs", "virtio", 1, nfs, null)],
        };
        var server = CloudMapper.AsServer(description);
        _request = new StartRequest
        {
            Instance = Instance,
            Description = description with
            {
                Cloud = server with { Disks = [.. server.Disks.Select(d => d with { Type = d.Disk })] },
            },
            Disks = [Source("rbd"), Source("nfs")],
        };

        DiskSource Source(string disk) =>
            new(disk, null, Path.Combine(_folder, disk + ".sock"), disk, KeepWrites: true);
    }

    // Data that does not compress, in pieces with holes between, and an end that is no whole MiB.
    private async Task<long> ViewAsync(string disk, int dataMiB)
    {
        var file = Path.Combine(_folder, disk + ".img");
        var size = (2L * dataMiB << 20) + 4096;
        await using (var image = File.Create(file))
        {
            image.SetLength(size);
            var piece = new byte[8 << 20];
            for (var at = 0L; at < (long)dataMiB << 21; at += 2 * piece.Length)
            {
                RandomNumberGenerator.Fill(piece);
                await RandomAccess.WriteAsync(image.SafeFileHandle, piece, at, Ct);
            }
            await RandomAccess.WriteAsync(image.SafeFileHandle, piece.AsMemory(0, 4096), size - 4096, Ct);
        }
        _views.Add(LastingStarter.Start(new ProcessStartInfo("qemu-nbd", ["-r", "-t", "-e", "16", "-f", "raw", "-k",
            Path.Combine(_folder, disk + ".sock"), "-x", disk, file])));
        return size;
    }

    private ApplianceServers Open(ApplianceSettings settings)
    {
        var servers = new ApplianceServers(_project.Cloud, settings, _site.Paths, Limits, TimeProvider.System,
            Logs.CreateLogger<ApplianceServers>());
        _opened.Add(servers);
        return servers;
    }

    private static BuildLimits Limits { get; } =
        new(TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(3));

    private ILoggerFactory Logs => LoggerFactory.Create(b => b.AddProvider(new TestLog(output)));

    private async Task<IReadOnlyDictionary<string, string>> BuildAsync(string digest, ApplianceServers servers,
        CancellationToken ct)
    {
        var byAppliance = new VolumePlace { Appliance = true };
        var builder = new VolumeBuilder(_project.Cloud, new VolumeFiller(Path.Combine(_folder, "locks"),
            TimeProvider.System), new ApplianceFiller(_project.Cloud, servers, TimeProvider.System,
            Logs.CreateLogger<ApplianceFiller>()), new Dictionary<string, VolumePlace>
            {
                ["rbd"] = byAppliance, ["nfs"] = byAppliance,
            }, Limits, TimeProvider.System, Logs.CreateLogger<VolumeBuilder>());
        var project = await _project.Cloud.InventoryAsync(ct);
        var mapping = CloudMapper.Map([_request.Description], project, new RecoveryMap()).Servers[0];
        Assert.Empty(builder.Gaps(mapping));
        var fit = servers.Fit(project, await _project.Cloud.Nova.ServersAsync(ct));
        Assert.Empty(fit.Gaps);
        return await builder.BuildAsync(_request, mapping, digest, ct);
    }

    private async Task RemoveAsync(IReadOnlyDictionary<string, string> made)
    {
        foreach (var volume in made.Values) await _project.Cloud.Cinder.DeleteVolumeAsync(volume, Ct);
        await Patience.UntilAsync("the volumes are gone",
            async () => (await _project.Cloud.Cinder.VolumesAsync(Ct)).Count == 0);
    }

    // A volume is in an appliance, and some of it is in the volume by now.
    private async Task<NovaServer> InTheMiddleAsync(Task building)
    {
        for (var start = Stopwatch.GetTimestamp(); ; await Task.Delay(300, Ct))
        {
            Assert.False(building.IsCompleted, "it was over before: " + building.Exception);
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience.Limit, "nothing is copied");
            var volumes = await _project.Cloud.Cinder.VolumesAsync(Ct);
            if (volumes.FirstOrDefault(v => v is { VolumeType: "rbd", Status: "in-use" }) is not { } volume
                || await UsedAsync(volume.Id) < 20 << 20) continue;
            return (await _project.Cloud.Nova.FindServerAsync(volume.Attachments![0].ServerId!, Ct))!;
        }
    }

    private async Task<long> UsedAsync(string volume)
    {
        var line = await HostCommand.MustAsync("rbd", [.. Ceph(), "du", "--format", "json", $"volumes/volume-{volume}"],
            Ct);
        return System.Text.Json.Nodes.JsonNode.Parse(line)!["images"]![0]!["used_size"]!.GetValue<long>();
    }

    private string[] Ceph()
    {
        var settings = Testbed.OptionsOf(_folder, Letter).Volumes["rbd"].Rbd!;
        return ["-c", settings.ConfigurationFile!, "--id", settings.User!];
    }

    private async Task ProveAsync(IReadOnlyDictionary<string, string> made, string name)
    {
        var pid = (await File.ReadAllTextAsync(Path.Combine(Testbed.FolderOf(Letter), "init.pid"), Ct))
            .Split(' ')[0].Trim();
        var ceph = Testbed.OptionsOf(_folder, Letter).Volumes["rbd"].Rbd!;
        foreach (var (disk, id) in made)
        {
            var volume = await _project.Cloud.Cinder.FindVolumeAsync(id, Ct);
            Assert.Equal((name, disk, "available", "yes", 0), (name, disk, volume!.Status,
                volume.Metadata!.GetValueOrDefault("lifeboat-filled"), volume.Attachments!.Count));
            var there = disk == "nfs"
                ? $"driver=qcow2,file.driver=file,file.filename=/proc/{pid}/root/srv/volumes/volume-{id}"
                : $"driver=raw,file.driver=rbd,file.pool={ceph.Pool},file.image=volume-{id},"
                    + $"file.conf={ceph.ConfigurationFile},file.user={ceph.User}";
            await HostCommand.MustAsync("qemu-img", ["compare", "--image-opts",
                $"driver=raw,file.driver=file,file.filename={Path.Combine(_folder, disk + ".img")}", there], Ct);
        }
    }

    // kill -9 of the QEMU of a server: all of a site's processes are this machine's too.
    private async Task KillAsync(NovaServer server)
    {
        var found = await HostCommand.MustAsync("pgrep", ["-f", $"qemu-system.*{server.Id}"], Ct);
        var pid = int.Parse(found.Split('\n')[0], CultureInfo.InvariantCulture);
        using var qemu = Process.GetProcessById(pid);
        qemu.Kill();
    }

    private sealed class TestLog(ITestOutputHelper to) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;
        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;
        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) =>
            to.WriteLine($"{TimeProvider.System.GetUtcNow():HH:mm:ss.f} {formatter(state, exception)}");
        public void Dispose()
        {
        }
    }
}
