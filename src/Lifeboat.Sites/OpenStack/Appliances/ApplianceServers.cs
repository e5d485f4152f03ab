// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Building;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack.Appliances;

/// <summary>
/// The recovery appliances of this site, and which volume is in which of them. All of it is read from the cloud each
/// time, so that a controller that was killed, or another one, goes on (I8, I9).
/// </summary>
// volume available -> put into an appliance -> opened -> taken out -> available
//        ^                      |                |
//        +--- appliance lost: its server is deleted, which takes the volume out of it
//
// Invariant: before a volume is anything but a volume that is filled, it is in no appliance. What an appliance has in
// hand is never in a page cache, so that taking the volume out of it is the end of its writing.
internal sealed partial class ApplianceServers : IDisposable
{
    private const int ReplacedMax = 4;
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);
    // A guest lets go of a disk in a second or never.
    private static readonly TimeSpan TakeOutLimit = TimeSpan.FromSeconds(60);

    private readonly CloudClients _cloud;
    private readonly ApplianceSettings _settings;
    private readonly SitePaths _paths;
    private readonly BuildLimits _limits;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ServerWait _wait;
    private readonly ApplianceImage _image;
    private readonly Lazy<ApplianceMarks> _marks;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly SemaphoreSlim _making = new(1, 1);
    private readonly ConcurrentDictionary<string, Appliance> _ready = new(StringComparer.Ordinal);
    // Volumes that are on their way into an appliance, by id: its number.
    private readonly ConcurrentDictionary<string, int> _chosen = new(StringComparer.Ordinal);

    public ApplianceServers(CloudClients cloud, ApplianceSettings settings, SitePaths paths, BuildLimits limits,
        TimeProvider time, ILogger<ApplianceServers> logger)
    {
        (_cloud, _settings, _paths, _limits, _time, _logger) = (cloud, settings, paths, limits, time, logger);
        _wait = new ServerWait(cloud.Nova, time);
        _image = new ApplianceImage(cloud, settings.Image, limits, time);
        _marks = new Lazy<ApplianceMarks>(() => ApplianceMarks.OfSite(paths.Root));
    }

    private ApplianceMarks Marks => _marks.Value;

    /// <summary>Opens a volume in the appliance that has it, or in one that it is put into now. Appliances that are
    /// found to be lost are replaced.</summary>
    /// <param name="volume">One that nobody runs from.</param>
    /// <exception cref="CloudException">As building a server throws it.</exception>
    /// <exception cref="SiteException">CloudUnavailable: one appliance after the other was lost; Refused: somebody else
    /// has the volume.</exception>
    public async Task<(ApplianceVolume Volume, Appliance At)> OpenAsync(string volume, long sizeBytes,
        CancellationToken ct)
    {
        for (var replaced = 0; ;)
        {
            var server = await PutInAsync(volume, ct);
            var why = "";
            try
            {
                if (await ReadyAsync(server, ct) is { } at && await TryOpenAsync(at, volume, sizeBytes, ct) is { } open)
                {
                    LogOpened(volume, at.Server, at.Address.ToString());
                    return (open, at);
                }
                why = "it does not answer";
            }
            catch (SiteException e) when (e.Fault is SiteFault.CloudUnavailable)
            {
                why = e.Message;
            }
            catch (CloudException e) when (IsOfWhatIsGone(e))
            {
                // Its port goes with a server: an address for it was asked for too late.
                if (await FindLossAsync(server.Id, volume, ct) is not { } loss) throw;
                why = $"{loss}: {e.Message}";
            }
            await RetireAsync(server.Id, why, ct);
            if (++replaced >= ReplacedMax)
                throw new SiteException(SiteFault.CloudUnavailable,
                    $"volume {volume}: {replaced} appliances were lost one after the other, the last one: {why}");
        }
    }

    /// <summary>Returns once no appliance has the volume. One that does not let go of it is deleted.</summary>
    public async Task TakeOutAsync(string volume, CancellationToken ct)
    {
        var start = _time.GetTimestamp();
        for (var asked = false; ; await Task.Delay(Look, _time, ct))
        {
            if (await _cloud.Cinder.FindVolumeAsync(volume, ct) is not { } now || now.Status == "available"
                || ServerOf(now) is null && now.Status.StartsWith("error", StringComparison.Ordinal)) return;
            var id = ServerOf(now);
            var server = id is null ? null : await _cloud.Nova.FindServerAsync(id, ct);
            if (server is not null && !ApplianceMarks.IsAppliance(server)) return;
            if (server is not null && (ApplianceMarks.IsLost(server) || _time.GetElapsedTime(start) >= TakeOutLimit))
                await RetireAsync(server.Id, $"volume {volume} cannot be taken out of it", ct);
            else if (server is not null && !asked) asked = await TryDetachAsync(server.Id, volume, ct);
            if (_time.GetElapsedTime(start) >= TakeOutLimit + _limits.Stop)
                throw new CloudException(CloudFault.TooSlow, $"volume {volume} is still {now.Status} in server {id} "
                    + $"after {_time.GetElapsedTime(start).TotalSeconds:0} s; it was to be taken out");
        }
    }

    /// <summary>Whether a server of ours has the volume, or had it when it was lost.</summary>
    public async Task<bool> HasAsync(CinderVolume volume, CancellationToken ct) => ServerOf(volume) is not { } id
        || await _cloud.Nova.FindServerAsync(id, ct) is not { } server || ApplianceMarks.IsAppliance(server);

    /// <summary>Why a server writes nothing any more; null: it may.</summary>
    public async Task<string?> FindLossAsync(string server, string volume, CancellationToken ct)
    {
        var now = await _cloud.Nova.FindServerAsync(server, ct);
        if (ApplianceMarks.IsLost(now)) return $"its server is {Told(now)}";
        return await _cloud.Cinder.FindVolumeAsync(volume, ct) is { } one && ServerOf(one) == server ? null
            : $"volume {volume} is not in it any more";
    }

    public void Dispose()
    {
        _gate.Dispose();
        _making.Dispose();
    }

    // Null: it cannot be reached, for as long as one may be away.
    private async Task<ApplianceVolume?> TryOpenAsync(Appliance at, string volume, long sizeBytes, CancellationToken ct)
    {
        using var own = X509Certificate2.CreateFromPemFile(_paths.ControllerCertificate, _paths.ControllerKey);
        for (var start = _time.GetTimestamp(); ; await Task.Delay(Look, _time, ct))
        {
            try
            {
                return await ApplianceVolume.OpenAsync(at.Address, at.Fingerprint, own, volume, sizeBytes, _time, ct);
            }
            catch (SiteException e) when (e.Fault is SiteFault.CloudUnavailable)
            {
                if (await FindLossAsync(at.Server, volume, ct) is { } loss)
                    throw new SiteException(SiteFault.CloudUnavailable, loss, e);
                if (_time.GetElapsedTime(start) >= _settings.SilenceMax)
                    throw new SiteException(SiteFault.CloudUnavailable,
                        $"{e.Message}, for {_settings.SilenceMax.TotalSeconds:0} s", e);
            }
        }
    }

    // Until the volume is in an appliance that is not lost, as far as Nova knows.
    private async Task<NovaServer> PutInAsync(string volume, CancellationToken ct)
    {
        var asked = 0;
        var start = _time.GetTimestamp();
        try
        {
            for (; ; await Task.Delay(Look, _time, ct))
            {
                var now = await _cloud.Cinder.FindVolumeAsync(volume, ct) ?? throw new CloudException(
                    CloudFault.NotFound, $"volume {volume} is gone while it was filled");
                if (ServerOf(now) is { } id)
                {
                    var server = await _cloud.Nova.FindServerAsync(id, ct);
                    if (server is not null && !Marks.IsMine(server))
                        throw new SiteException(SiteFault.Refused,
                            $"volume {volume} is in server '{server.Name}' ({id}), which is no appliance of this site");
                    if (server is not null && ApplianceMarks.IsLost(server))
                        await RetireAsync(id, $"its server is {Told(server)}", ct);
                    else if (server is not null && now.Status == "in-use") return server;
                }
                else if (now.Status == "available")
                {
                    if (++asked > ReplacedMax)
                        throw new CloudException(CloudFault.BuildFailed,
                            $"volume {volume} came out again each of {asked - 1} times that Nova put it in");
                    await TryAttachAsync((await ChooseAsync(volume, ct)).Id, volume, ct);
                    start = _time.GetTimestamp();
                }
                else if (now.Status.StartsWith("error", StringComparison.Ordinal))
                {
                    throw new CloudException(CloudFault.ServiceFailed, $"volume {volume} is in {now.Status}");
                }
                if (_time.GetElapsedTime(start) >= _limits.Volume)
                    throw new CloudException(CloudFault.TooSlow, $"volume {volume} is still {now.Status} after "
                        + $"{_limits.Volume.TotalSeconds:0} s; it was to go into an appliance") { MaybeDone = true };
            }
        }
        finally
        {
            _chosen.TryRemove(volume, out _);
        }
    }

    private async Task<NovaServer> ChooseAsync(string volume, CancellationToken ct)
    {
        var gone = 0;
        for (var refused = false; ; await Task.Delay(Look, _time, ct))
        {
            var there = await LoadedAsync(ct);
            int? number;
            await _gate.WaitAsync(ct);
            try
            {
                var loads = there.ToDictionary(t => t.Key, t => t.Value.Load);
                foreach (var chosen in _chosen.Where(c => c.Key != volume).GroupBy(c => c.Value))
                    loads[chosen.Key] = loads.GetValueOrDefault(chosen.Key) + chosen.Count();
                number = Spreading.Choose(loads, _settings.AtMost, refused);
                if (number is { } one) _chosen[volume] = one;
                _mayBeLeft = true;
            }
            finally
            {
                _gate.Release();
            }
            if (number is null) continue;
            try
            {
                return await MakeAsync(number.Value, ct);
            }
            catch (CloudException e) when (there.Count > 0 && !there.ContainsKey(number.Value)
                && e.Fault is CloudFault.QuotaExceeded or CloudFault.NoValidHost or CloudFault.BuildFailed)
            {
                LogNotMade(number.Value, e.Message);
                refused = true;
            }
            catch (CloudException e) when (IsOfWhatIsGone(e) && ++gone < ReplacedMax)
            {
                // Removed while it was built, with what was around it.
                LogNotMade(number.Value, e.Message);
            }
        }
    }

    // By number. Lost ones are not among them.
    private async Task<IReadOnlyDictionary<int, (NovaServer Server, int Load)>> LoadedAsync(CancellationToken ct)
    {
        var found = new Dictionary<int, (NovaServer, int)>();
        foreach (var server in await MineAsync(ct))
            if (!ApplianceMarks.IsLost(server))
                found.TryAdd(ApplianceMarks.NumberOf(server),
                    (server, (await _cloud.Nova.AttachmentsAsync(server.Id, ct)).Count));
        return found;
    }

    private async Task<IReadOnlyList<NovaServer>> MineAsync(CancellationToken ct) =>
        [.. (await _cloud.Nova.ServersAsync([Marks.Tag], ct)).OrderBy(s => s.Created)];

    private async Task TryAttachAsync(string server, string volume, CancellationToken ct)
    {
        try
        {
            await _cloud.Nova.AttachAsync(server, volume, ct);
        }
        catch (CloudException e) when (e.MaybeDone || e.Fault is CloudFault.Conflict or CloudFault.NotFound
            or CloudFault.Refused)
        {
            // The server was lost, or another controller was faster: the next look at the volume says it.
            LogNotPutIn(volume, server, e.Message);
        }
    }

    private async Task<bool> TryDetachAsync(string server, string volume, CancellationToken ct)
    {
        try
        {
            await _cloud.Nova.DetachAsync(server, volume, ct);
            LogTakenOut(volume, server);
            return true;
        }
        catch (CloudException e) when (e.Fault is CloudFault.Conflict or CloudFault.Refused)
        {
            return false; // being put in, or its server is about to be lost
        }
    }

    private static bool IsOfWhatIsGone(CloudException e) => e.Fault is CloudFault.NotFound or CloudFault.Conflict;

    private static string Told(NovaServer? server) => server is null ? "gone"
        : server.TaskState is { } task ? $"{server.Status}, {task}" : server.Status;

    private static string? ServerOf(CinderVolume volume) =>
        volume.Attachments?.Select(a => a.ServerId).FirstOrDefault(s => s is { Length: > 0 });

    [LoggerMessage(EventIds.ApplianceVolumeOpened, LogLevel.Information,
        "Volume {VolumeId} is open in appliance {ServerId} at {Address}")]
    private partial void LogOpened(string volumeId, string serverId, string address);

    [LoggerMessage(EventIds.ApplianceVolumeTakenOut, LogLevel.Information,
        "Nova takes volume {VolumeId} out of appliance {ServerId}")]
    private partial void LogTakenOut(string volumeId, string serverId);

    [LoggerMessage(EventIds.ApplianceVolumeNotPutIn, LogLevel.Information,
        "Nova did not put volume {VolumeId} into appliance {ServerId}: {Message}")]
    private partial void LogNotPutIn(string volumeId, string serverId, string message);

    [LoggerMessage(EventIds.ApplianceNotMade, LogLevel.Warning,
        "Appliance {Number} could not be made; it is tried again, or those that are there do its work: {Message}")]
    private partial void LogNotMade(int number, string message);
}
