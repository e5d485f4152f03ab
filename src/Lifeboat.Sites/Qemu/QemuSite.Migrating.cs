// SPDX-License-Identifier: Apache-2.0
using System.Runtime.ExceptionServices;
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.Qemu.Instances;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.Qemu;

// Live migration between two QEMU processes that have the same images. Which of them has the guest is asked of both,
// so that a controller that was killed in the middle finds out:
//
//   AT A ──MovesTo written──► process at B waits ──► memory and change maps go over ──► A stopped, B has all, paused
//     ▲                             │ anything fails, or nobody saw it through                     │
//     └── B ended, MovesTo cleared ◄┘                  Host = B, MovedFrom = A written ──► B runs ──► A ended, AT B
//
// Invariant: B's guest runs only when the record says B, and A's never after that.
internal sealed partial class QemuSite : IMigratesInstances
{
    private static readonly TimeSpan MigrationEndLimit = TimeSpan.FromSeconds(30);

    public Task MigrateAsync(string instance, string host, CancellationToken ct) => AloneAsync(instance, async () =>
    {
        var record = await SettleAsync(Known(instance), ct);
        if (HostOf(record) == host) return true;
        CheckMovable(record);
        var there = record with { Host = host };
        _store.Folder(there).CheckLength();
        var moving = _store.Write(record with { MovesTo = host });
        ExceptionDispatchInfo? failure = null;
        try
        {
            await new LiveMove(there, _store, _options, _time).EndCaptureAsync(MonitorOf(record), NoteEnded, ct);
            await LaunchAsync(there, incoming: true, ct);
            await new LiveMove(there, _store, _options, _time).SendAsync(MonitorOf(record), ct);
        }
        catch (Exception e) when (e is SiteException or OperationCanceledException)
        {
            failure = ExceptionDispatchInfo.Capture(e);
        }
        // Not with the caller's token: two processes must not be left.
        var settled = await SettleAsync(moving, CancellationToken.None);
        if (HostOf(settled) == host)
        {
            LogMigrated(instance, HostOf(record), host);
            return true;
        }
        LogMigrationUndone(instance, host, failure?.SourceException.Message ?? "it did not arrive");
        failure?.Throw();
        throw new SiteException(SiteFault.Refused, $"{instance} did not arrive at host {host}; it runs where it was");

        void NoteEnded(string node) => LogCaptureEnded(instance, node);
    }, ct);

    private static string HostOf(InstanceRecord record) => record.Host ?? AgentConfiguration.DefaultHost;

    private static void CheckMovable(InstanceRecord record)
    {
        if (record.Adopted is not null)
            throw new SiteException(SiteFault.Refused, $"{record.Name} was started by somebody else: migrate it with "
                + "what started it, then adopt it again with its new sockets and host");
        if (record.Bubble is { } bubble)
            throw new SiteException(SiteFault.Refused, $"{record.Name} is in the bubble {bubble}");
        if (record.Disks.FirstOrDefault(d => d.Place is not (DiskPlace.File or DiskPlace.Native)) is { } disk)
            throw new SiteException(SiteFault.Refused, $"{record.Name}: disk '{disk.Name}' reads from a view; "
                + "it can move when it has moved to native");
    }

    /// <summary>A move that nobody is at work on is brought to an end, at whichever host the guest is.</summary>
    private async Task<InstanceRecord> SettledAsync(InstanceRecord record, CancellationToken ct)
    {
        if (record is { MovesTo: null, MovedFrom: null }) return record;
        var gate = _gates.GetOrAdd(record.Name, _ => new SemaphoreSlim(1, 1));
        if (!await gate.WaitAsync(TimeSpan.Zero, ct)) return record; // it is moving now
        try
        {
            return await SettleAsync(Known(record.Name), ct);
        }
        finally
        {
            gate.Release();
        }
    }

    private async Task<InstanceRecord> SettleAsync(InstanceRecord record, CancellationToken ct)
    {
        if (record.MovesTo is { } host)
        {
            var there = record with { Host = host, MovesTo = null, MovedFrom = HostOf(record) };
            if (!await HasLeftAsync(record, there, ct)) return await StayAsync(record, there, ct);
            record = _store.Write(there);
        }
        return record.MovedFrom is null ? record : await ArriveAsync(record, ct);
    }

    private async Task<bool> HasLeftAsync(InstanceRecord here, InstanceRecord there, CancellationToken ct)
    {
        if (ProcessOf(here) is not null)
        {
            await TalkAsync(here, qmp => LiveMove.EndAsync(qmp, MigrationEndLimit, _time, ct), ct);
            if (await StateAsync(here, ct) != "postmigrate") return false;
        }
        return ProcessOf(there) is not null && await StateAsync(there, ct) != "inmigrate";
    }

    private async Task<InstanceRecord> StayAsync(InstanceRecord here, InstanceRecord there, CancellationToken ct)
    {
        await StopAsync(there, ct);
        if (ProcessOf(here) is not null && await StateAsync(here, ct) == "postmigrate")
            await TalkAsync(here, qmp => qmp.ExecuteAsync("cont", null, ct), ct);
        return _store.Write(here with { MovesTo = null });
    }

    private async Task<InstanceRecord> ArriveAsync(InstanceRecord record, CancellationToken ct)
    {
        if (ProcessOf(record) is not null && await StateAsync(record, ct) != "running")
            await TalkAsync(record, qmp => qmp.ExecuteAsync("cont", null, ct), ct);
        await StopAsync(record with { Host = record.MovedFrom }, ct);
        return _store.Write(record with { MovedFrom = null });
    }

    private Task<string?> StateAsync(InstanceRecord record, CancellationToken ct) => TalkAsync(record,
        async qmp => (await qmp.ExecuteAsync("query-status", null, ct)).GetProperty("status").GetString(), ct);

    [LoggerMessage(EventIds.InstanceMigrated, LogLevel.Information, "Migrated {Instance} from {From} to {To}")]
    private partial void LogMigrated(string instance, string from, string to);

    [LoggerMessage(EventIds.MigrationUndone, LogLevel.Warning,
        "{Instance} was not migrated to {To} and runs on where it was: {Reason}")]
    private partial void LogMigrationUndone(string instance, string to, string reason);

    [LoggerMessage(EventIds.CaptureEnded, LogLevel.Warning,
        "Ended {What} in {Instance}, which an agent had left there")]
    private partial void LogCaptureEnded(string instance, string what);
}
