// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using Lifeboat.Contracts;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Filling;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// One cloud of the testbed with a real site of ours for one of its projects. The site's directory is in the folder
/// that the cloud's QEMU sees too.
/// </summary>
internal sealed class TestCloud : IAsyncDisposable
{
    private static readonly XNamespace Nova = "http://openstack.org/xmlns/libvirt/nova/1.1";
    private readonly string _letter;
    private readonly string _nfs;
    private readonly (string File, string Name) _login;

    private TestCloud(string letter, string directory, (string File, string Name) login)
    {
        _letter = letter;
        _nfs = directory + "-nfs";
        _login = login;
        Site = new FieldSite(letter, directory);
        Session = Open(login);
        Clients = new CloudClients(Session);
    }

    public FieldSite Site { get; }
    public CloudSession Session { get; }
    public CloudClients Clients { get; }
    private string Folder => Path.Combine(Testbed.Folder, _letter);
    public string Libvirt => $"qemu+unix:///system?socket={Path.Combine(Folder, "libvirt", "libvirt-sock")}";

    /// <param name="project">Null: the project `lifeboat`.</param>
    public static async Task<TestCloud> StartAsync(
        string letter, string tag, CancellationToken ct, EmptyProject? project = null)
    {
        await Testbed.SettingsAsync($"lifeboat-{letter}", ct);
        var cloud = new TestCloud(letter, Path.Combine(Testbed.Folder, letter, "shared", tag),
            project is null ? (Testbed.File, $"lifeboat-{letter}") : (project.LoginFile, EmptyProject.Login));
        await cloud.Site.InitAsync(ct);
        cloud.WriteOptions();
        cloud.FindShare();
        await cloud.Site.StartAsync(ct);
        return cloud;
    }

    /// <summary>kill -9 of the whole cloud and of all of our processes at its site.</summary>
    public async Task LoseAsync(CancellationToken ct)
    {
        Site.KillEverything();
        await TestbedAsync("kill", ct);
        Site.KillEverything();
    }

    /// <summary>Cloud and site come back, as they were.</summary>
    /// <param name="resumes">Nova starts the guests that ran, as after a reboot of all hosts.</param>
    public async Task ReturnAsync(bool resumes, CancellationToken ct)
    {
        await TestbedAsync("up", ct, resumes ? ["LIFEBOAT_TESTBED_RESUME=true"] : []);
        FindShare();
        await Site.StartAsync(ct);
    }

    /// <summary>Nova asks libvirt through a gate of the site from now on, and without one again at the end.</summary>
    public async Task<IAsyncDisposable> OpenGateAsync(CancellationToken ct) => await TestGate.OpenAsync(Site,
        Path.Combine(Folder, "libvirt", "libvirt-sock"), command => InsideAsync(command, CancellationToken.None), ct);

    /// <summary>Runs a command in the cloud's own root.</summary>
    public Task<string> InsideAsync(IEnumerable<string> command, CancellationToken ct) => HostCommand.MustAsync(
        Path.Combine(Testbed.SourceTree(), "testbed"), ["run", _letter, .. command], ct);

    /// <summary>All that the project has and libvirt runs, one line each, sorted.</summary>
    public async Task<IReadOnlyList<string>> ListAsync(CancellationToken ct)
    {
        var lines = new List<string>();
        foreach (var server in await Clients.Nova.ServersAsync(ct))
        {
            lines.Add($"server {server.Id} {server.Name} {server.Status}");
            lines.AddRange((await Clients.Nova.AttachmentsAsync(server.Id, ct))
                .Select(a => $"attachment {server.Id} {a.VolumeId} {a.Device}"));
        }
        lines.AddRange((await Clients.Cinder.VolumesAsync(ct)).Select(v =>
            $"volume {v.Id} {v.Name} {v.Status} {v.Size} "
            + string.Join(',', (v.Attachments ?? []).Select(a => $"{a.ServerId} {a.Device}"))));
        lines.AddRange((await SnapshotsAsync(ct)).Select(s => $"snapshot {s}"));
        lines.AddRange((await Clients.Neutron.PortsOfProjectAsync(ct)).Select(p => $"port {p.Id} {p.MacAddress} "
            + $"{string.Join(',', (p.FixedIps ?? []).Select(f => f.IpAddress))} {p.DeviceOwner} {p.DeviceId}"));
        lines.AddRange((await Clients.Neutron.FloatingIpsAsync(ct))
            .Select(f => $"floating {f.FloatingIpAddress} {f.PortId}"));
        lines.AddRange((await Clients.Neutron.NetworksAsync(ct)).Select(n => $"network {n.Id} {n.Name}"));
        lines.AddRange((await DomainsAsync(ct)).Select(d => $"domain {d.Id} {d.State}"));
        return [.. lines.Order(StringComparer.Ordinal)];
    }

    /// <summary>What Nova, Cinder and libvirt say differently of the project's servers; empty: they agree.</summary>
    public async Task<IReadOnlyList<string>> DisagreementsAsync(CancellationToken ct)
    {
        var found = new List<string>();
        var domains = await DomainsAsync(ct);
        var volumes = (await Clients.Cinder.VolumesAsync(ct)).ToDictionary(v => v.Id);
        var servers = await Clients.Nova.ServersAsync(ct);
        foreach (var server in servers)
        {
            var domain = domains.FirstOrDefault(d => d.Id == server.Id);
            var runs = domain?.State == "running";
            if (runs != (server.Status == "ACTIVE") || server.Status is not ("ACTIVE" or "SHUTOFF"))
                found.Add($"server {server.Name} is {server.Status}, its domain {domain?.State ?? "is not there"}");
            var has = (await Clients.Nova.AttachmentsAsync(server.Id, ct)).Select(a => a.VolumeId).Order().ToList();
            if (domain is not null && !has.SequenceEqual(domain.Serials.Order()))
                found.Add($"server {server.Name} has {string.Join(' ', has)}, its domain "
                    + string.Join(' ', domain.Serials));
            found.AddRange(has.Where(v => volumes.GetValueOrDefault(v) is not { Status: "in-use" } volume
                || volume.Attachments?.Any(a => a.ServerId == server.Id) is not true)
                .Select(v => $"volume {v} of server {server.Name} is {volumes.GetValueOrDefault(v)?.Status}"));
        }
        found.AddRange(domains.Where(d => servers.All(s => s.Id != d.Id)).Select(d => $"domain {d.Id} has no server"));
        found.AddRange(volumes.Values.Where(v => v.Status is not ("in-use" or "available")
            || v.Status == "in-use" && (v.Attachments ?? []).Any(a => servers.All(s => s.Id != a.ServerId)))
            .Select(v => $"volume {v.Name} ({v.Id}) is {v.Status}"));
        return found;
    }

    /// <summary>Until the guest's disk has so many bytes: Nova hears of an extended volume some time after Cinder says
    /// that it is.</summary>
    public Task UntilSizeAsync(string server, string volume, long bytes, CancellationToken ct) => Patience.UntilAsync(
        $"volume {volume} of server {server} has {bytes} bytes", async () =>
        {
            var disks = XDocument.Parse(await VirshAsync(["dumpxml", server], ct)).Descendants("disk");
            var target = disks.Single(d => d.Element("serial")?.Value == volume).Element("target")!.Attribute("dev")!;
            var info = await VirshAsync(["domblkinfo", server, target.Value], ct);
            return Lines(info).Any(l => l.StartsWith("Capacity:", StringComparison.Ordinal)
                && l.EndsWith($" {bytes}", StringComparison.Ordinal));
        });

    public async ValueTask DisposeAsync()
    {
        await Site.DisposeAsync();
        Session.Dispose();
        if (Directory.Exists(Site.Directory)) Directory.Delete(Site.Directory, recursive: true);
        File.Delete(_nfs);
    }

    private static CloudSession Open((string File, string Name) login) => new(
        Lifeboat.Sites.OpenStack.Clouds.CloudsFile.Read(
            Lifeboat.Sites.OpenStack.Clouds.CloudsSearch.OfThisProcess(login.File), login.Name), null,
        CloudHttpOptions.Default, TimeProvider.System, NullLoggerFactory.Instance);

    private void WriteOptions()
    {
        var options = Testbed.OptionsOf(Site.Directory, _letter) with
        {
            Cloud = _login.Name, CloudsFile = _login.File,
        };
        var nfs = new VolumePlace { Folder = _nfs, Format = "qcow2" };
        options = options with
        {
            Volumes = new Dictionary<string, VolumePlace>(options.Volumes) { ["nfs"] = nfs },
        };
        var file = Path.Combine(Site.Directory, "site.json");
        var settings = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        settings["driver"] = "openstack";
        settings["options"] = JsonSerializer.SerializeToNode(options, ContractJson.Options);
        File.WriteAllText(file, settings.ToJsonString());
    }

    // The share is a folder of the cloud's own file system, which is another one after each loss.
    private void FindShare()
    {
        var first = File.ReadAllText(Path.Combine(Folder, "init.pid")).Split(' ')[0].Trim();
        File.Delete(_nfs);
        File.CreateSymbolicLink(_nfs, $"/proc/{int.Parse(first, CultureInfo.InvariantCulture)}/root/srv/volumes");
    }

    private Task<string> TestbedAsync(string verb, CancellationToken ct, params string[] variables) =>
        HostCommand.MustAsync("env", [.. variables, Path.Combine(Testbed.SourceTree(), "testbed"), verb, _letter], ct);

    private async Task<IReadOnlyList<string>> SnapshotsAsync(CancellationToken ct)
    {
        var all = await Session.GetAsync(CloudApi.BlockStorage, "snapshots",
            Lifeboat.Sites.OpenStack.BlockStorage.CinderJson.Default.JsonObject, ct);
        return [.. all["snapshots"]!.AsArray().Select(s => $"{s!["id"]} {s["name"]} {s["status"]}")];
    }

    private async Task<IReadOnlyList<TestDomain>> DomainsAsync(CancellationToken ct)
    {
        var all = new List<TestDomain>();
        var project = (await Session.TokenAsync(ct)).ProjectId;
        foreach (var id in Lines(await VirshAsync(["list", "--all", "--uuid"], ct)))
        {
            var state = (await VirshAsync(["domstate", id], ct)).Trim();
            var xml = XDocument.Parse(await VirshAsync(["dumpxml", id], ct));
            // Nova writes down whose it is.
            if (xml.Descendants(Nova + "project").All(p => p.Attribute("uuid")?.Value != project)) continue;
            all.Add(new TestDomain(id, state, [.. xml.Descendants("disk").Elements("serial").Select(s => s.Value)]));
        }
        return all;
    }

    private Task<string> VirshAsync(IEnumerable<string> command, CancellationToken ct) =>
        HostCommand.MustAsync("virsh", ["-q", "-c", Libvirt, .. command], ct);

    private static IEnumerable<string> Lines(string text) =>
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <param name="Serials">Ids of the volumes that it has.</param>
    private sealed record TestDomain(string Id, string State, IReadOnlyList<string> Serials);
}
