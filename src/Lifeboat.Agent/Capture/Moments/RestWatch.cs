// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts.Agents;
using Lifeboat.Journaling.Storage;
using Lifeboat.Qemu;
using Lifeboat.Qemu.Libvirt;
using Lifeboat.Replication.Capture;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Capture.Moments;

/// <summary>All instances of a group are shut down.</summary>
/// <param name="InQemu">Their QEMUs are still there and have the disks; else where those lie is known.</param>
/// <param name="Runs">How often they were seen to run before.</param>
internal sealed record Rest(bool InQemu, IReadOnlyList<DiskPlace> Places, int Runs);

/// <summary>
/// Looks each second whether the instances of a group are shut down, and notes where their disks lie while they run: a
/// QEMU that has ended tells nobody. The places outlive the agent.
/// </summary>
internal sealed partial class RestWatch : IAsyncDisposable
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private readonly IReadOnlyList<SourceVolume> _volumes;
    private readonly ILookup<QemuMonitor, SourceVolume> _byMonitor;
    private readonly SpecFiles<NotedPlaces> _file;
    private readonly string _group;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _looking;
    private Dictionary<ushort, DiskPlace>? _places;
    private bool _ran = true;
    private int _runs;

    public RestWatch(SourceSpec spec, IReadOnlyList<QmpDiskTap> disks, AgentParts parts)
    {
        _group = spec.Group;
        _volumes = spec.Volumes;
        _byMonitor = disks.ToLookup(d => d.Monitor, d => d.Volume);
        _file = new SpecFiles<NotedPlaces>(Path.Combine(parts.Paths.AgentState, "places"));
        (_time, _logger) = (parts.Time, parts.Logs.CreateLogger<RestWatch>());
        _looking = LookOnAsync();
    }

    /// <returns>Null: one runs, or may.</returns>
    /// <exception cref="TapException">An instance cannot be asked.</exception>
    public async Task<Rest?> LookAsync(CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            _places ??= await LoadAsync(ct);
            var seen = new List<Look>();
            foreach (var instance in _byMonitor) seen.Add(await LookAtAsync(instance.Key, [.. instance], ct));
            if (seen.Distinct().ToList() is not [Look.Off or Look.InQemu])
            {
                _ran = true;
                return null;
            }
            if (_ran) _runs++;
            _ran = false;
            return new Rest(seen[0] is Look.InQemu, [.. _places.Values], _runs);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Where disks were seen last, by this agent or the one before.</summary>
    public async Task<IReadOnlyList<DiskPlace>> PlacesAsync(CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            _places ??= await LoadAsync(ct);
            return [.. _places.Values];
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Ends, and keeps nothing of the group.</summary>
    public async Task ForgetAsync(CancellationToken ct)
    {
        await _stop.CancelAsync();
        await _looking;
        await _file.DeleteAsync(_group, ct);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _looking;
        _stop.Dispose();
        _turn.Dispose();
    }

    private async Task LookOnAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await LookAsync(_stop.Token);
                await Task.Delay(LookEvery, _time, _stop.Token);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (TapException e)
            {
                LogNotLooked(_group, e.Message);
                await Task.Delay(LookEvery, _time, CancellationToken.None);
            }
        }
    }

    private async Task<Look> LookAtAsync(QemuMonitor monitor, List<SourceVolume> volumes, CancellationToken ct)
    {
        try
        {
            var (status, places) = await monitor.TalkAsync(async qmp =>
            {
                var told = await qmp.ExecuteAsync("query-status", null, ct);
                var blocks = await qmp.ExecuteAsync("query-block", null, ct);
                var found = volumes.ConvertAll(v => DiskPlace.Read(blocks, v));
                // Another disk lies elsewhere; each second it is not asked for more than that.
                foreach (var (place, volume) in found.Zip(volumes))
                    if (_places!.GetValueOrDefault(place.Index) != place)
                        await DiskCheck.ThrowIfOtherAsync(qmp, volume, ct);
                return (told.GetProperty("status").GetString(), found);
            }, ct);
            await NoteAsync(places, ct);
            return status == "shutdown" ? Look.InQemu : Look.Runs;
        }
        catch (TapException e) when (e.InnerException is QmpException { Fault: QmpFault.Unreachable })
        {
            return await IsOffAsync(monitor.SocketPath, ct) ? Look.Off : Look.Runs;
        }
    }

    // One that libvirt does not know has gone to another host, and may run there.
    private static async Task<bool> IsOffAsync(string socket, CancellationToken ct)
    {
        if (!LibvirtAddress.IsLike(socket)) return true;
        try
        {
            return LibvirtAddress.Read(socket) is { } address && await LibvirtDomains.IsOffAsync(address, ct);
        }
        catch (QmpException e)
        {
            throw new TapException(TapFault.MonitorUnreachable, e.Message, e);
        }
    }

    private async Task NoteAsync(List<DiskPlace> places, CancellationToken ct)
    {
        if (places.TrueForAll(p => _places!.GetValueOrDefault(p.Index) == p)) return;
        foreach (var place in places) _places![place.Index] = place;
        try
        {
            await _file.SaveAsync(_group, new NotedPlaces(_group, [.. _places!.Values]), ct);
        }
        catch (StorageException e)
        {
            LogNotNoted(_group, e.Message);
        }
    }

    // What cannot be read was not noted: the instances have to be seen to run once more.
    private async Task<Dictionary<ushort, DiskPlace>> LoadAsync(CancellationToken ct)
    {
        try
        {
            var noted = (await _file.LoadAsync(ct)).FirstOrDefault(n => n.Group == _group);
            return (noted?.Places ?? []).Where(p => _volumes.Any(v => v.Index == p.Index)).ToDictionary(p => p.Index);
        }
        catch (Exception e) when (e is StorageException or JsonException)
        {
            LogNotNoted(_group, e.Message);
            return [];
        }
    }

    private enum Look { Runs, InQemu, Off }

    private sealed record NotedPlaces(string Group, IReadOnlyList<DiskPlace> Places);

    [LoggerMessage(EventIds.PlacesNotNoted, LogLevel.Warning, "Where the disks of {Group} lie is not kept over a "
        + "restart of the agent: {Reason}")]
    private partial void LogNotNoted(string group, string reason);

    [LoggerMessage(EventIds.RestNotLooked, LogLevel.Debug,
        "Whether the instances of {Group} are shut down could not be seen: {Reason}")]
    private partial void LogNotLooked(string group, string reason);
}
