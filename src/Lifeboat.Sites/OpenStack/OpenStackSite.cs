// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Appliances;
using Lifeboat.Sites.OpenStack.Backups;
using Lifeboat.Sites.OpenStack.Building;
using Lifeboat.Sites.OpenStack.Clouds;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Filling;
using Lifeboat.Sites.OpenStack.Guests;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Mirrors;
using Lifeboat.Sites.OpenStack.Projects;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack;

/// <summary>
/// A project of an OpenStack cloud: instances are its servers. Those that we built have the instance's name as a tag;
/// others are somebody's own, can be stopped, and are never removed. Where the driver is told of the servers' libvirt
/// they are captured there.
/// </summary>
[SiteDriver("openstack")]
internal sealed partial class OpenStackSite : ISite, IDisposable
{
    private static readonly TimeSpan SeenFor = TimeSpan.FromSeconds(30);

    private readonly OpenStackSiteOptions _options;
    private readonly CloudSession _session;
    private readonly CloudClients _cloud;
    private readonly CloudSession? _adminSession;
    private readonly CloudSession? _backupSession;
    private readonly VolumeSnapshots _snapshots;
    private readonly VolumeBackups _backups;
    private readonly VolumeRestores _restores;
    private readonly MirroredVolumes? _mirror;
    private readonly NetworkBuilder _networks;
    private readonly ServerBuilder _builder;
    private readonly VolumeBuilder _volumes;
    private readonly ApplianceServers? _appliances;
    private readonly CancellationTokenSource _closed = new();
    private readonly Bubbles _bubbles;
    private readonly BubbleWays _ways;
    private readonly ServerGuests _guests;
    private readonly ServerWait _wait;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _gates = new(StringComparer.Ordinal);
    // What was last found: guests are asked often, and the agent of one needs nothing of Nova.
    private readonly ConcurrentDictionary<string, string> _ids = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _building = new(1, 1);
    private volatile Seen? _seen;

    /// <exception cref="SiteException">Refused: the options or `clouds.yaml` have faults.</exception>
    public OpenStackSite(SiteSetting setting, TimeProvider time, ILoggerFactory logs)
    {
        _options = ReadOptions(setting.Options);
        var search = CloudsSearch.OfThisProcess(_options.CloudsFile);
        var service = _options.ServiceCloud is { } name ? CloudsFile.Read(search, name) : null;
        _login = CloudsFile.Read(search, _options.Cloud);
        _session = new CloudSession(_login, service, CloudHttpOptions.Default, time, logs);
        _cloud = new CloudClients(_session);
        _adminSession = _options.AdminCloud is not { } admin ? null
            : new CloudSession(CloudsFile.Read(search, admin), null, CloudHttpOptions.Default, time, logs);
        if (_options.ProjectCloud is { } maker)
        {
            _projectSession = new CloudSession(CloudsFile.Read(search, maker), null, CloudHttpOptions.Default, time,
                logs);
            _projectBuilder = new ProjectBuilder(_projectSession, time, logs.CreateLogger<ProjectBuilder>());
            _projectRemover = new ProjectRemover(_projectSession, logs.CreateLogger<ProjectRemover>());
        }
        var limits = new BuildLimits(_options.BuildLimit, _options.StopLimit, _options.VolumeLimit);
        _networks = new NetworkBuilder(_cloud, time, logs.CreateLogger<NetworkBuilder>());
        _builder = new ServerBuilder(_cloud, _networks, limits, time, logs.CreateLogger<ServerBuilder>());
        var paths = new SitePaths(Path.GetFullPath(setting.Directory));
        if (_options.Appliances is { } told)
            _appliances = new ApplianceServers(_cloud, told, paths, limits, time,
                logs.CreateLogger<ApplianceServers>());
        var road = _appliances is null ? null
            : new ApplianceFiller(_cloud, _appliances, time, logs.CreateLogger<ApplianceFiller>());
        _volumes = new VolumeBuilder(_cloud, new VolumeFiller(Path.Combine(paths.Run, "volumes"), time), road,
            _options.Volumes, limits, time, logs.CreateLogger<VolumeBuilder>());
        _backupSession = _options.BackupCloud is not { } keeper ? null
            : new CloudSession(CloudsFile.Read(search, keeper), null, CloudHttpOptions.Default, time, logs);
        var backupLimits = new BackupLimits(_options.BackupLimit, _options.VolumeLimit);
        _snapshots = new VolumeSnapshots(_cloud, _backupSession, backupLimits, time);
        _backups = new VolumeBackups(_cloud, _backupSession, backupLimits, time, logs.CreateLogger<VolumeBackups>());
        _restores = new VolumeRestores(_cloud, _options.Map, backupLimits, time, logs.CreateLogger<VolumeRestores>());
        if (_options.Mirror is { } mirror)
            _mirror = new MirroredVolumes(_cloud, _backupSession, mirror,
                new MirroredPool(_options.Volumes[mirror.VolumeType].Rbd!, time), _options.VolumeLimit, time,
                logs.CreateLogger<MirroredVolumes>());
        _bubbles = new Bubbles(_cloud, _networks, time);
        _ways = new BubbleWays(_cloud, _options.DrillExternalNetwork, time);
        _guests = new ServerGuests(_options.Libvirt, time, logs.CreateLogger<ServerGuests>());
        _wait = new ServerWait(_cloud.Nova, time);
        // Ends when the site is closed.
        _ = _appliances?.RunAsync(_closed.Token);
        _time = time;
        _logger = logs.CreateLogger<OpenStackSite>();
    }

    public Task<IReadOnlyList<SiteInstance>> ListAsync(CancellationToken ct) => AskAsync(async () =>
    {
        var named = ServerNames.Of(await _cloud.Nova.ServersAsync(ct));
        var project = await SurroundingsAsync(ct);
        var all = new List<SiteInstance>();
        foreach (var (name, server) in named) all.Add(await DescribeAsync(name, server, project, ct));
        return (IReadOnlyList<SiteInstance>)all;
    });

    public Task<SiteInstance> GetAsync(string instance, CancellationToken ct) => AskAsync(async () =>
    {
        var server = await KnownAsync(instance, ct);
        var found = await DescribeAsync(instance, server, await SurroundingsAsync(ct), ct);
        return found.Power is InstancePower.Running or InstancePower.Paused
            ? await _guests.WithDevicesAsync(found, server.Id, ct)
            : await WithStintAsync(found, server, ct);
    });

    /// <summary>What was begun of it and never ran goes: nobody could start it, and it holds addresses and
    /// quotas.</summary>
    public Task StopAsync(string instance, CancellationToken ct) => AloneAsync(instance, async () =>
    {
        var server = await FindAsync(instance, ct);
        if (server is null or { Status: "DELETED" } || IsFailedBuild(server))
        {
            if (server is { HostId: "" }) await _volumes.TrustAsync(instance, ct);
            await _builder.RemoveAsync(instance, ct);
            await _volumes.RemoveUnusedAsync(instance, ct);
            return true;
        }
        if (server.Status == "SHUTOFF") return true;
        // Broken in another way, and not running: there is nothing that could write.
        if (server is { Status: "ERROR", TaskState: null } && Power(server) is InstancePower.Stopped) return true;
        await StopAsync(server, ct);
        return true;
    }, ct);

    // A server that somebody else built only is no longer ours to look after; nothing of ours is in it.
    public Task RemoveAsync(string instance, CancellationToken ct) => AloneAsync(instance, async () =>
    {
        await _builder.RemoveAsync(instance, ct);
        await _volumes.RemoveAsync(instance, ct);
        // Not while another server is built, which has nothing on its networks yet.
        await HoldingAsync(_building, async () =>
        {
            await _networks.RemoveUnusedAsync([.. _options.Map.Routers.Values], ct);
            return true;
        }, ct);
        _ids.TryRemove(instance, out _);
        return true;
    }, ct);

    public void Dispose()
    {
        _closed.Cancel();
        _closed.Dispose();
        _session.Dispose();
        _adminSession?.Dispose();
        _backupSession?.Dispose();
        _projectSession?.Dispose();
        _preparing.Dispose();
        _building.Dispose();
        _appliances?.Dispose();
        foreach (var gate in _gates.Values) gate.Dispose();
    }

    // Sixteen questions for what seldom changes: servers are looked at every few seconds.
    private async Task<CloudInventory> SurroundingsAsync(CancellationToken ct)
    {
        if (_seen is { } seen && _time.GetElapsedTime(seen.At) < SeenFor) return seen.Project;
        var project = await _cloud.InventoryAsync(ct);
        _seen = new Seen(project, _time.GetTimestamp());
        return project;
    }

    // Ours, and no guest ever ran in it.
    private static bool IsFailedBuild(NovaServer server) => server is { Status: "ERROR", TaskState: null,
        LaunchedAt: null } && ServerNames.Tagged(server) is not null;

    private async Task StopAsync(NovaServer server, CancellationToken ct)
    {
        try
        {
            await _cloud.Nova.StopServerAsync(server.Id, ct);
        }
        catch (CloudException e) when (e.Fault is CloudFault.Conflict)
        {
            // Stopped, or being stopped, by somebody else meanwhile: what is waited for says it.
        }
        await _wait.UntilAsync(server.Id, "SHUTOFF", _options.StopLimit, ct);
    }

    private async Task<SiteInstance> DescribeAsync(string name, NovaServer server, CloudInventory project,
        CancellationToken ct)
    {
        var facts = await ServerFacts.ReadAsync(_cloud, server, ct);
        var description = ServerDescriber.Describe(name, facts, project);
        var address = _guests.AddressOf(server.Id) ?? "";
        return new SiteInstance(name, Power(server), ServerNames.Tagged(server) is null, description, address,
            address.Length > 0 && description.GuestAgent ? address : null, ProcessId: null,
            [.. description.Cloud!.Disks.Join(description.Disks, c => c.Disk, d => d.Name, DiskOf)]);
    }

    private SiteDisk DiskOf(CloudDisk cloud, InstanceDisk disk)
    {
        var place = cloud is { VolumeId: not null, Type: { } type } ? _options.Volumes.GetValueOrDefault(type) : null;
        if (place?.Appliance is true) place = null; // this host does not reach it
        return new SiteDisk(disk.Name, disk.Name, place?.ImageOf(cloud.VolumeId!),
            place?.FormatOf(cloud.VolumeId!), disk.SizeBytes,
            Native: true);
    }

    private static InstancePower Power(NovaServer server) => server.Status switch
    {
        "ACTIVE" or "REBOOT" or "HARD_REBOOT" or "PASSWORD" or "RESIZE" or "VERIFY_RESIZE" or "MIGRATING"
            => InstancePower.Running,
        "PAUSED" or "SUSPENDED" => InstancePower.Paused,
        // Nova's word for a guest that may still run although something failed: 1 is running, 3 paused.
        "ERROR" or "RESCUE" => server.PowerState == 1 ? InstancePower.Running
            : server.PowerState == 3 ? InstancePower.Paused : InstancePower.Stopped,
        _ => InstancePower.Stopped,
    };

    private async Task<NovaServer?> FindAsync(string instance, CancellationToken ct)
    {
        var found = ServerNames.Of(await _cloud.Nova.ServersAsync(ct)).GetValueOrDefault(instance);
        if (found is not null) _ids[instance] = found.Id;
        return found;
    }

    private async Task<NovaServer> KnownAsync(string instance, CancellationToken ct) => await FindAsync(instance, ct)
        ?? throw new SiteException(SiteFault.InstanceUnknown,
            $"there is no instance '{instance}' in the project of cloud '{_session.Name}'");

    private static string NameTaken(NovaServer server) => $"server '{server.Name}' ({server.Id}) was not built by "
        + "Lifeboat and has that name: rename or remove it, and free its ports";

    private static async Task<T> AskAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (CloudException e)
        {
            throw e.ToSite();
        }
    }

    // Two changes of one instance never overlap.
    private Task<T> AloneAsync<T>(string instance, Func<Task<T>> act, CancellationToken ct) =>
        HoldingAsync(_gates.GetOrAdd(instance, _ => new SemaphoreSlim(1, 1)), () => AskAsync(act), ct);

    private static async Task<T> HoldingAsync<T>(SemaphoreSlim gate, Func<Task<T>> act, CancellationToken ct)
    {
        await gate.WaitAsync(ct);
        try
        {
            return await act();
        }
        finally
        {
            gate.Release();
        }
    }

    private sealed record Seen(CloudInventory Project, long At);

    // What is held is found out anew at each attempt, and what the view is of says no more than the view.
    private static string Digest(StartRequest request) => Convert.ToHexStringLower(
        SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(
            request with { Disks = [.. request.Disks.Select(d => d with { Held = false, Point = null })] },
            ContractJson.Options)));

    private static OpenStackSiteOptions ReadOptions(JsonElement? written)
    {
        try
        {
            var options = written?.Deserialize<OpenStackSiteOptions>(ContractJson.Options)
                ?? OpenStackSiteOptions.Default;
            var problems = options.Problems().ToList();
            return problems.Count == 0 ? options
                : throw new SiteException(SiteFault.Refused, string.Join("; ", problems));
        }
        catch (JsonException e)
        {
            throw new SiteException(SiteFault.Refused, $"options of the site driver 'openstack': {e.Message}", e);
        }
    }
}
