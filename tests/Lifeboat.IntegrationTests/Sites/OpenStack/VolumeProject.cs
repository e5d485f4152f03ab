// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Qemu.Ceph;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Clouds;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mirrors;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// A project of its own in one cloud of the testbed, with a member and one who keeps backups (an administrator there),
/// and a real site of ours for it. All of it goes at the end, backups too.
/// </summary>
internal sealed class VolumeProject : IAsyncDisposable
{
    private const string Password = "for-this-test-alone";
    private const string Keeper = "keeper";
    private readonly string _letter;
    private readonly CloudSession _admin;
    private readonly CloudSettings _settings;
    private readonly List<string> _users = [];
    private CloudSession? _session;

    private VolumeProject(string letter, string name, CloudSettings settings)
    {
        (_letter, Name, _settings) = (letter, name, settings);
        _admin = new CloudSession(settings, null, CloudHttpOptions.Default, TimeProvider.System,
            NullLoggerFactory.Instance);
        Site = new FieldSite(letter, Path.Combine(Testbed.FolderOf(letter), "shared", name));
    }

    public string Name { get; }
    public string Id { get; private set; } = "";
    public FieldSite Site { get; }
    public CloudSession Session => _session!;
    public CloudClients Cloud => new(Session);
    private string Inside => "/proc/" + File.ReadAllText(Path.Combine(Testbed.FolderOf(_letter), "init.pid"))
        .Split(' ')[0].Trim() + "/root";

    /// <summary>Skips with the reason where the cloud is not up.</summary>
    public static async Task<VolumeProject> MakeAsync(string letter, string name, CancellationToken ct)
    {
        Testbed.SkipUnlessAsked();
        var project = new VolumeProject(letter, name, await Testbed.SettingsAsync($"lifeboat-{letter}-admin", ct));
        if (!Directory.Exists(Path.Combine(Testbed.Folder, "backups")))
            Assert.Skip("the sites of this testbed have no backup storage in common; ./testbed down and up gives one");
        try
        {
            await project.MakeItAsync(ct);
            return project;
        }
        catch
        {
            await project.DisposeAsync();
            throw;
        }
    }

    public Task QuotaAsync(string resource, int limit, CancellationToken ct) => ChangeAsync(CloudApi.BlockStorage,
        HttpMethod.Put, $"os-quota-sets/{Id}",
        new JsonObject { ["quota_set"] = new JsonObject { [resource] = limit } }, ct);

    /// <summary>A volume as a file that can be read here.</summary>
    public async Task<string> ExportAsync(CinderVolume volume, string file, CancellationToken ct)
    {
        if (File.Exists(file)) File.Delete(file);
        await HostCommand.MustAsync("qemu-img",
            ["convert", "-U", "-O", "raw", "--image-opts", ImageOf(volume), file], ct);
        return file;
    }

    /// <summary>Writes a pattern where the volume lies; it is in no server.</summary>
    public Task WriteAsync(CinderVolume volume, byte pattern, CancellationToken ct) => HostCommand.MustAsync("qemu-io",
        ["-c", $"write -P {pattern.ToString(CultureInfo.InvariantCulture)} 1M 4M", "--image-opts", ImageOf(volume)],
        ct);

    /// <summary>What <see cref="WriteAsync"/> wrote last, as it lies in the volume.</summary>
    public async Task<byte> PatternAsync(CinderVolume volume, CancellationToken ct)
    {
        await using var file = File.OpenRead(await ExportAsync(volume, Scratch("one.raw"), ct));
        file.Position = 3 << 20;
        return (byte)file.ReadByte();
    }

    public async Task<string> DigestAsync(CinderVolume volume, CancellationToken ct)
    {
        await using var file = File.OpenRead(await ExportAsync(volume, Scratch("one.raw"), ct));
        return Convert.ToHexString(await SHA256.HashDataAsync(file, ct));
    }

    /// <summary>Asks the agent in the project's only server, through libvirt.</summary>
    public async Task<HostCommand> AskGuestAsync(string what, CancellationToken ct) =>
        await HostCommand.RunAsync("virsh", ["-q", "-c",
            $"qemu+unix:///system?socket={Path.Combine(Testbed.FolderOf(_letter), "libvirt", "libvirt-sock")}",
            "qemu-agent-command", (await Cloud.Nova.ServersAsync(ct)).Single().Id, $$"""{"execute":"{{what}}"}"""], ct);

    public Task UntilGuestAnswersAsync(CancellationToken ct) => Patience.UntilAsync("the guest agent answers",
        async () => (await AskGuestAsync("guest-ping", ct)).ExitCode == 0);

    /// <summary>
    /// The project's volumes by their names; root and fast are the disks of an oracle that was at an
    /// application-consistent point, and hold what it was told is written.
    /// </summary>
    public async Task<IReadOnlyDictionary<string, CinderVolume>> ProveAsync(
        ITestOutputHelper output, CancellationToken ct)
    {
        var made = (await Cloud.Cinder.VolumesAsync(ct)).ToDictionary(v => v.Name![(Name.Length + 1)..]);
        Assert.All(made.Values, v => Assert.Equal("available", v.Status));
        Assert.Equal("true", made["root"].Bootable);
        await ExportAsync(made["root"], Scratch("db.vda.img"), ct);
        await ExportAsync(made["fast"], Scratch("db.vdb.img"), ct);
        var proof = await OracleChecker.CheckAsync(await PartitionedDisk.OracleImagesAsync(Scratch(), ct),
            new OracleExpectation { MustEndWithMark = true, WorkDirectory = Scratch() }, ct);
        Assert.True(proof.Holds, string.Join("; ", proof.Lines()));
        output.WriteLine(string.Join("; ", proof.Lines()));
        return made;
    }

    /// <summary>Of the volume's image in Ceph, by whomever.</summary>
    public Task<IReadOnlyList<RbdSnapshot>> SnapshotsOfImageAsync(CinderVolume volume, CancellationToken ct) =>
        Pool().SnapshotsAsync($"volume-{volume.Id}", ct);

    /// <summary>Of a volume that Cinder has deleted, whose image lies in the trash of the pool.</summary>
    public async Task<IReadOnlyList<string>> SnapshotsInTrashAsync(CinderVolume volume, CancellationToken ct)
    {
        var tools = new CephTools(new CephAccess(Ceph.ConfigurationFile, Ceph.User, TimeSpan.FromSeconds(60)),
            TimeProvider.System);
        async Task<JsonArray> AskAsync(params string[] arguments) => JsonNode.Parse(await tools.RbdAsync(
            [.. arguments, "--format", "json", "--pool", Ceph.Pool], null, ct))!.AsArray();
        var left = new List<string>();
        foreach (var image in await AskAsync("trash", "ls"))
            if ($"{image!["name"]}" == $"volume-{volume.Id}")
                left.AddRange((await AskAsync("snap", "ls", "--image-id", $"{image["id"]}"))
                    .Select(s => $"{s!["name"]}"));
        return left;
    }

    /// <summary>Snapshots and backups in the project, by name and status.</summary>
    public async Task<IReadOnlyList<string>> CopiesAsync(CancellationToken ct) =>
    [
        .. (await Cloud.Cinder.SnapshotsAsync(ct)).Select(s => $"snapshot {s.Name} {s.Status}"),
        .. (await Cloud.Cinder.BackupsAsync(ct)).Select(b => $"backup {b.Name} {b.Status}"),
    ];

    public async ValueTask DisposeAsync()
    {
        var ct = CancellationToken.None;
        await Site.DisposeAsync();
        if (_session is not null)
        {
            await LetGoAsync(ct);
            await EmptyAsync(ct);
        }
        if (Id.Length > 0)
        {
            var groups = await _admin.GetAsync(CloudApi.Network, $"security-groups?project_id={Id}",
                CinderJson.Default.JsonObject, ct);
            foreach (var group in groups["security_groups"]!.AsArray())
                await _admin.DeleteAsync(CloudApi.Network, $"security-groups/{group!["id"]!.GetValue<string>()}", ct);
        }
        foreach (var user in _users) await _admin.DeleteAsync(CloudApi.Identity, $"users/{user}", ct);
        if (Id.Length > 0) await _admin.DeleteAsync(CloudApi.Identity, $"projects/{Id}", ct);
        _session?.Dispose();
        _admin.Dispose();
        if (Directory.Exists(Site.Directory)) Directory.Delete(Site.Directory, recursive: true);
    }

    private async Task MakeItAsync(CancellationToken ct)
    {
        Id = await PostAsync("project", new JsonObject { ["name"] = Name, ["domain_id"] = "default" }, ct);
        await UserAsync(Name, "member", ct);
        await UserAsync($"{Name}-{Keeper}", "admin", ct);
        await Site.InitAsync(ct);
        var clouds = Path.Combine(Site.Directory, "clouds.yaml");
        await File.WriteAllTextAsync(clouds,
            $"clouds:\n{Login("project", Name)}{Login(Keeper, $"{Name}-{Keeper}")}", ct);
        _session = new CloudSession(CloudsFile.Read(CloudsSearch.OfThisProcess(clouds), "project"), null,
            CloudHttpOptions.Default, TimeProvider.System, NullLoggerFactory.Instance);
        var options = Testbed.OptionsOf(Site.Directory, _letter) with
        {
            Cloud = "project", CloudsFile = clouds, BackupCloud = Keeper,
            Mirror = new MirrorOptions
            {
                VolumeType = "rbd", Host = $"{_letter}-compute@rbd#rbd", ArrivalLimit = TimeSpan.FromSeconds(5),
            },
        };
        var file = Path.Combine(Site.Directory, "site.json");
        var settings = JsonNode.Parse(await File.ReadAllTextAsync(file, ct))!.AsObject();
        settings["driver"] = "openstack";
        settings["options"] = JsonSerializer.SerializeToNode(options, ContractJson.Options);
        settings["rbd"] = JsonSerializer.SerializeToNode(Ceph, ContractJson.Options);
        await File.WriteAllTextAsync(file, settings.ToJsonString(), ct);
        await Site.StartAsync(ct);
    }

    private async Task EmptyAsync(CancellationToken ct)
    {
        var wait = new ServerWait(Cloud.Nova, TimeProvider.System);
        var servers = await Cloud.Nova.ServersAsync(ct);
        foreach (var server in servers) await Cloud.Nova.DeleteServerAsync(server.Id, ct);
        foreach (var server in servers) await wait.UntilGoneAsync(server.Id, Patience.Limit, ct);
        foreach (var backup in (await Cloud.Cinder.BackupsAsync(ct)).OrderByDescending(b => b.CreatedAt))
        {
            // A test that was cut short left it in the middle.
            while (await Cloud.Cinder.FindBackupAsync(backup.Id, ct) is { Status: not ("available" or "error") })
                await Task.Delay(500, ct);
            await Cloud.Cinder.DeleteBackupAsync(backup.Id, ct);
            while (await Cloud.Cinder.FindBackupAsync(backup.Id, ct) is not null) await Task.Delay(500, ct);
        }
        foreach (var snapshot in await Cloud.Cinder.SnapshotsAsync(ct))
            await Cloud.Cinder.DeleteSnapshotAsync(snapshot.Id, ct);
        while ((await Cloud.Cinder.SnapshotsAsync(ct)).Count > 0) await Task.Delay(500, ct);
        foreach (var volume in await Cloud.Cinder.VolumesAsync(ct)) await Cloud.Cinder.DeleteVolumeAsync(volume.Id, ct);
        while ((await Cloud.Cinder.VolumesAsync(ct)).Count > 0) await Task.Delay(500, ct);
    }

    // Of a test that was cut short: Cinder removes no image that is mirrored, or has snapshots.
    private async Task LetGoAsync(CancellationToken ct)
    {
        var volumes = (await Cloud.Cinder.VolumesAsync(ct)).Where(v => v.VolumeType == "rbd").Select(v => v.Id);
        var pool = Pool();
        foreach (var volume in volumes)
        {
            if (await pool.FindAsync($"volume-{volume}", ct) is not { } image) continue;
            if (image.GlobalId is not null) await pool.DisableAsync(image, ct);
            foreach (var snapshot in (await pool.SnapshotsAsync(image.Name, ct))
                .Where(s => s.Name.StartsWith(MirroredPool.Ours, StringComparison.Ordinal)))
                await pool.RemoveSnapshotAsync(image.Name, snapshot.Name, ct);
        }
    }

    private RbdSettings Ceph => new()
    {
        Pool = "volumes", User = "cinder", ConfigurationFile = Path.Combine(Site.Directory, "ceph.conf"),
    };

    private MirroredPool Pool() => new(Ceph, TimeProvider.System);

    private string Scratch(string file = "") =>
        Path.Combine(Directory.CreateDirectory(Path.Combine(Site.Directory, "scratch")).FullName, file);

    private string ImageOf(CinderVolume volume) => volume.VolumeType == "nfs"
        ? $"driver=qcow2,file.driver=file,file.filename={Inside}/srv/volumes/volume-{volume.Id}"
        : $"driver=raw,file.driver=rbd,file.pool=volumes,file.image=volume-{volume.Id},file.user=cinder,"
            + $"file.conf={Path.Combine(Site.Directory, "ceph.conf")}";

    private async Task UserAsync(string user, string role, CancellationToken ct)
    {
        var id = await PostAsync("user",
            new JsonObject { ["name"] = user, ["domain_id"] = "default", ["password"] = Password }, ct);
        _users.Add(id);
        var roles = await _admin.GetAsync(CloudApi.Identity, $"roles?name={role}", CinderJson.Default.JsonObject, ct);
        await ChangeAsync(CloudApi.Identity, HttpMethod.Put,
            $"projects/{Id}/users/{id}/roles/{roles["roles"]![0]!["id"]}", [], ct);
    }

    private string Login(string cloud, string user) => $"""
          {cloud}:
            region_name: {_letter}
            auth:
              auth_url: {_settings.AuthUrl}
              username: {user}
              password: {Password}
              project_name: {Name}
              user_domain_name: Default
              project_domain_name: Default

        """;

    private async Task<string> PostAsync(string kind, JsonObject body, CancellationToken ct) =>
        (await _admin.PostAsync(CloudApi.Identity, kind + "s", new JsonObject { [kind] = body },
            CinderJson.Default.JsonObject, CinderJson.Default.JsonObject, ct))[kind]!["id"]!.GetValue<string>();

    private Task ChangeAsync(CloudApi service, HttpMethod method, string path, JsonObject body, CancellationToken ct) =>
        _admin.ChangeAsync(service, method, path, body, CinderJson.Default.JsonObject, ct);
}
