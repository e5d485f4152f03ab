// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Qemu;
using Lifeboat.Qemu.Libvirt;
using Lifeboat.Sites.Qemu.Host;
using Lifeboat.Sites.Qemu.Instances;
using Lifeboat.Sites.Qemu.Networks;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.Qemu;

/// <summary>
/// The embedded site: instances are QEMU processes of this host, networks are bridges in a network namespace of the
/// site's own. Processes are children of nobody; what must be known of them is on disk before they are started.
/// </summary>
[SiteDriver("qemu")]
internal sealed partial class QemuSite : ISite
{
    private static readonly TimeSpan KillLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan StatusLimit = TimeSpan.FromSeconds(3);

    private readonly string _root;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly QemuSiteOptions _options;
    private readonly InstanceStore _store;
    private readonly KvmProbe _kvm;
    private readonly ConcurrentDictionary<string, string> _starting = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _gates = new(StringComparer.Ordinal);

    /// <exception cref="SiteException">Refused: the options have faults.</exception>
    public QemuSite(SiteSetting setting, TimeProvider time, ILoggerFactory logs)
    {
        _root = Path.GetFullPath(setting.Directory);
        _time = time;
        _logger = logs.CreateLogger<QemuSite>();
        _options = ReadOptions(setting.Options);
        _store = new InstanceStore(Path.Combine(_root, "instances"));
        _kvm = new KvmProbe(_options.Program, time);
    }

    public async Task<IReadOnlyList<SiteInstance>> ListAsync(CancellationToken ct)
    {
        var found = new List<SiteInstance>();
        foreach (var record in _store.ReadAll()) found.Add(await DescribeAsync(await SettledAsync(record, ct), ct));
        return found;
    }

    public async Task<SiteInstance> GetAsync(string instance, CancellationToken ct) =>
        await DescribeAsync(await SettledAsync(Known(instance), ct), ct);

    public Task StopAsync(string instance, CancellationToken ct) => AloneAsync(instance, async () =>
    {
        if (_store.Read(instance) is not { } found) return true;
        var record = await SettleAsync(found, ct);
        await StopAsync(record, ct);
        if (record.Adopted is null && record.Bubble is null) await DropUnusedNetworksAsync(ct);
        return true;
    }, ct);

    public Task RemoveAsync(string instance, CancellationToken ct) => AloneAsync(instance, async () =>
    {
        if (_store.Read(instance) is not { } found) return true;
        var record = await SettleAsync(found, ct);
        if (record.Adopted is null) await StopAsync(record, ct);
        _store.Delete(instance);
        if (record.Adopted is null && record.Bubble is null) await DropUnusedNetworksAsync(ct);
        LogRemoved(instance);
        return true;
    }, ct);

    private async Task StopAsync(InstanceRecord record, CancellationToken ct)
    {
        if (ProcessOf(record) is { } process)
        {
            await QuitAsync(record, ct);
            if (await process.GoneAsync(_options.QuitLimit, _time, ct))
            {
                LogStopped(record.Name, process.Id);
            }
            else
            {
                LogKilled(record.Name, process.Id);
                if (!await process.KillAsync(KillLimit, _time, ct))
                    throw new SiteException(SiteFault.Timeout, $"{record.Name}: QEMU (process {process.Id}) cannot be "
                        + "killed; it may hang in the kernel. It may still write: do not go on before it is gone");
            }
        }
        if (record.Adopted is null) await UnplugAsync(record, ct);
    }

    private async Task QuitAsync(InstanceRecord record, CancellationToken ct)
    {
        try
        {
            await TalkAsync(record, qmp => qmp.ExecuteAsync("quit", null, ct), ct);
        }
        catch (SiteException)
        {
            // Whether it heard us is seen from its process; one that does not end is killed.
        }
    }

    /// <summary>One short conversation over the monitor the driver may use.</summary>
    /// <exception cref="SiteException">MonitorUnreachable, Timeout, Refused.</exception>
    private async Task<T> TalkAsync<T>(InstanceRecord record, Func<QmpClient, Task<T>> talk, CancellationToken ct)
    {
        try
        {
            await using var qmp = await QmpClient.ConnectAsync(MonitorOf(record), QmpOptions.Default, _time, ct);
            return await talk(qmp);
        }
        catch (QmpException e)
        {
            throw Translate(record.Name, e);
        }
    }

    internal static SiteException Translate(string instance, QmpException e) => new(e.Fault switch
    {
        QmpFault.Timeout => SiteFault.Timeout,
        QmpFault.Refused => SiteFault.Refused,
        QmpFault.Unreachable or QmpFault.Busy or QmpFault.Closed or QmpFault.Protocol or QmpFault.HostUnreachable =>
            SiteFault.MonitorUnreachable,
    }, $"{instance}: {e.Message}", e);

    // An adopted instance has one monitor for the agent and for us: conversations are short, QEMU queues who comes.
    private string MonitorOf(InstanceRecord record) =>
        record.Adopted?.QmpSocket ?? _store.Folder(record).SiteQmp;

    private string? GuestAgentOf(InstanceRecord record) => record.Adopted is { } adopted ? adopted.GuestAgentSocket
        : record.Description.GuestAgent ? _store.Folder(record).GuestAgent : null;

    private static LibvirtAddress? LibvirtOf(InstanceRecord record) =>
        record.Adopted is { } adopted ? LibvirtAddress.Read(adopted.QmpSocket) : null;

    private HostProcess? ProcessOf(InstanceRecord record)
    {
        if (record.Adopted is not { } adopted) return QemuProcess.Find(_store.Folder(record));
        // Libvirt starts it again as another process.
        if (LibvirtOf(record) is { } address) return HostProcess.Find(LibvirtProcess.Find(address, address.Domain));
        var process = new HostProcess(adopted.ProcessId, adopted.StartTicks);
        return process.IsAlive ? process : null;
    }

    private async Task<SiteInstance> DescribeAsync(InstanceRecord record, CancellationToken ct)
    {
        var process = ProcessOf(record);
        return new SiteInstance(record.Name, await PowerAsync(record, process, ct), record.Adopted is not null,
            record.Description, record.Adopted?.QmpSocket ?? _store.Folder(record).Qmp, GuestAgentOf(record),
            process?.Id,
            [.. record.Description.Disks.OrderBy(d => d.Order).Select(d => Describe(record.Disk(d.Name)))])
        {
            Host = record.Host ?? AgentConfiguration.DefaultHost,
        };
    }

    private static SiteDisk Describe(DiskRecord disk)
    {
        var ownFile = disk.Place is DiskPlace.File or DiskPlace.Native or DiskPlace.Pivoting;
        return new SiteDisk(disk.Name, disk.Device, ownFile ? disk.File : null, ownFile ? disk.Format : null,
            ownFile ? ImageLength.Of(disk) : disk.SizeBytes, disk.Place is DiskPlace.File or DiskPlace.Native);
    }

    private async Task<InstancePower> PowerAsync(InstanceRecord record, HostProcess? process, CancellationToken ct)
    {
        if (process is not { } alive) return InstancePower.Stopped;
        try
        {
            var patience = QmpOptions.Default with { ConnectLimit = StatusLimit };
            await using var qmp = await QmpClient.ConnectAsync(MonitorOf(record), patience, _time, ct);
            return await StatusAsync(qmp, ct);
        }
        catch (QmpException)
        {
            // Busy or starting: its process is the better witness.
            return alive.IsAlive ? InstancePower.Running : InstancePower.Stopped;
        }
    }

    private static async Task<InstancePower> StatusAsync(QmpClient qmp, CancellationToken ct)
    {
        var status = (await qmp.ExecuteAsync("query-status", null, ct)).GetProperty("status").GetString();
        return status switch
        {
            "running" => InstancePower.Running,
            "shutdown" => InstancePower.ShutDown,
            _ => InstancePower.Paused,
        };
    }

    private InstanceRecord Known(string instance) => _store.Read(instance)
        ?? throw new SiteException(SiteFault.InstanceUnknown, $"there is no instance '{instance}' at this site");

    // Two calls about one instance never overlap; the one process that owns the site directory is the controller.
    private async Task<T> AloneAsync<T>(string instance, Func<Task<T>> act, CancellationToken ct)
    {
        var gate = _gates.GetOrAdd(instance, _ => new SemaphoreSlim(1, 1));
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

    private static QemuSiteOptions ReadOptions(JsonElement? written)
    {
        try
        {
            var options = written?.Deserialize<QemuSiteOptions>(ContractJson.Options) ?? QemuSiteOptions.Default;
            var problems = options.Problems().ToList();
            return problems.Count == 0 ? options
                : throw new SiteException(SiteFault.Refused, string.Join("; ", problems));
        }
        catch (JsonException e)
        {
            throw new SiteException(SiteFault.Refused, $"options of the site driver 'qemu': {e.Message}", e);
        }
    }

    [LoggerMessage(EventIds.InstanceStopped, LogLevel.Information, "Stopped {Instance} (process {ProcessId})")]
    private partial void LogStopped(string instance, int processId);

    [LoggerMessage(EventIds.InstanceKilled, LogLevel.Warning,
        "Killed {Instance} (process {ProcessId}), which did not end when it was asked to")]
    private partial void LogKilled(string instance, int processId);

    [LoggerMessage(EventIds.InstanceRemoved, LogLevel.Information, "Removed {Instance}")]
    private partial void LogRemoved(string instance);
}
