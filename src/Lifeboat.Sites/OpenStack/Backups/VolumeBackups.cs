// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack.Backups;

/// <summary>
/// Backups of Cinder's volumes, from snapshots, and their records, by which the other cloud knows them. All are found
/// by the names that we gave them.
/// </summary>
// snapshot -> backup: creating -> available, its parent looked up in its record -> exported
//                        | error, or on top of somebody else's backup: removed; the latter is made again, full
internal sealed partial class VolumeBackups(CloudClients cloud, CloudSession? admin, BackupLimits limits,
    TimeProvider time, ILogger<VolumeBackups> logger)
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    /// <summary>What keeps records from being exported and imported.</summary>
    /// <param name="login">As `clouds.yaml` calls it.</param>
    public async Task<IReadOnlyList<string>> GapsAsync(string? login, CancellationToken ct)
    {
        if (admin is null)
            return ["options.backupCloud is not set: records of backups are exported and imported by administrators "
                + "only; name a login of clouds.yaml with that role in this project"];
        var (mine, theirs) = (await cloud.ProjectAsync(ct), (await admin.TokenAsync(ct)).ProjectId);
        return mine == theirs ? []
            : [$"options.backupCloud '{login}' is of project {theirs}, this site is project {mine}: an imported backup "
                + "belongs to the project of who imports it"];
    }

    /// <exception cref="CloudException">BuildFailed, with Cinder's reason; QuotaExceeded…</exception>
    public async Task<VolumeBackup> BackUpAsync(BackUpRequest request, CancellationToken ct)
    {
        var parent = request.Parent;
        while (true)
        {
            var made = await MakeAsync(request, parent is not null, ct);
            if (made is null)
            {
                // What a driver cannot do it refuses; the difference is only less to move.
                LogNotIncremental(request.Name);
                parent = null;
                continue;
            }
            var whole = await WholeAsync(made, ct);
            var record = await Admin().ExportRecordAsync(whole.Id, ct);
            var told = RecordOf(record);
            if (told.ParentId == parent || told.ParentId is null)
                return new VolumeBackup(request.Volume, request.VolumeId, whole.Id, told.ParentId, whole.Size ?? 0,
                    record.BackupService, record.BackupUrl, null);
            // Somebody backs the volume up besides. The other cloud would have to know that backup, and we could not
            // keep it from being removed.
            LogForeignParent(request.Name, told.ParentId);
            await RemoveAsync(whole, ct);
            parent = null;
        }
    }

    /// <summary>Those that build on others go before these.</summary>
    public async Task RemoveAsync(string prefix, IReadOnlyCollection<string> ids, CancellationToken ct)
    {
        var ours = (await cloud.Cinder.BackupsAsync(ct)).Where(b => ids.Contains(b.Id)
            || prefix.Length > 0 && b.Name?.StartsWith(prefix, StringComparison.Ordinal) is true).ToList();
        foreach (var backup in ours.OrderByDescending(b => b.CreatedAt)) await RemoveAsync(backup, ct);
    }

    /// <exception cref="CloudException">Conflict: its parent is not known here; BuildFailed.</exception>
    public async Task ImportAsync(VolumeBackup backup, CancellationToken ct)
    {
        if (backup.Parent is { } parent && await cloud.Cinder.FindBackupAsync(parent, ct) is not
            { Status: "available" or "restoring" })
            throw new CloudException(CloudFault.Conflict, $"backup {backup.Id} of {backup.Volume} is the difference to "
                + $"backup {parent}, which cloud '{Admin().CloudName}' does not know");
        if (await cloud.Cinder.FindBackupAsync(backup.Id, ct) is { Status: "error" } failed)
            await ForgetAsync(failed, ct);
        for (var attempt = 1; await cloud.Cinder.FindBackupAsync(backup.Id, ct) is null; attempt++)
        {
            try
            {
                await Admin().ImportRecordAsync(new CinderBackupRecord(backup.Service, backup.Record), ct);
            }
            catch (CloudException e) when (e.MaybeDone && attempt < 3)
            {
                await Task.Delay(Look, time, ct);
            }
        }
        var known = await UntilAsync(backup.Id, limits.Thing, ct);
        if (known.Status == "error")
            throw new CloudException(CloudFault.BuildFailed, $"the record of backup {backup.Id} was not imported: "
                + $"Cinder says {known.FailReason ?? known.Status}. Its driver here is to be {backup.Service}, with "
                + "the same storage behind it");
    }

    // A record that could not be imported has nothing in the storage that would be its own.
    private async Task ForgetAsync(CinderBackup failed, CancellationToken ct) => await RemoveAsync(failed, ct);

    // One attempt of ours may be there from before. A failed one is of no use.
    private async Task<CinderBackup?> MakeAsync(BackUpRequest request, bool incremental, CancellationToken ct)
    {
        foreach (var failed in (await NamedAsync(request.Name, ct)).Where(b => b.Status == "error"))
            await RemoveAsync(failed, ct);
        try
        {
            return await MakeOnce.RunAsync(c => NamedAsync(request.Name, c),
                c => cloud.Cinder.CreateBackupAsync(request.Name, request.VolumeId, request.SnapshotId, incremental, c),
                RemoveAsync, time, ct);
        }
        catch (CloudException e) when (e.Fault is CloudFault.Refused && incremental)
        {
            return null;
        }
    }

    private async Task<CinderBackup> WholeAsync(CinderBackup backup, CancellationToken ct)
    {
        var now = await UntilAsync(backup.Id, limits.Backup, ct);
        return now.Status == "available" ? now : throw new CloudException(CloudFault.BuildFailed,
            $"backup {now.Name} ({now.Id}) is in {now.Status}: {now.FailReason ?? "Cinder says no more"}");
    }

    private async Task<CinderBackup> UntilAsync(string id, TimeSpan limit, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            var now = await cloud.Cinder.FindBackupAsync(id, ct) ?? throw new CloudException(CloudFault.NotFound,
                $"backup {id} is gone while it was waited for");
            if (now.Status is "available" or "error") return now;
            if (time.GetElapsedTime(start) >= limit)
                throw new CloudException(CloudFault.TooSlow,
                    $"backup {now.Name} ({id}) is still {now.Status} after {limit.TotalSeconds:0} s");
            await Task.Delay(Look, time, ct);
        }
    }

    private async Task RemoveAsync(CinderBackup backup, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        var asked = false;
        while (await cloud.Cinder.FindBackupAsync(backup.Id, ct) is { } left)
        {
            if (!asked && left.Status is "available" or "error")
            {
                await cloud.Cinder.DeleteBackupAsync(backup.Id, ct);
                asked = true;
            }
            else if (left.Status is "error" or "error_deleting")
            {
                throw new CloudException(CloudFault.ServiceFailed, $"backup {left.Name} ({left.Id}) could not be "
                    + $"removed: {left.FailReason ?? left.Status}");
            }
            // One that is still being made cannot be removed before it is made.
            if (time.GetElapsedTime(start) >= (asked ? limits.Thing : limits.Backup))
                throw new CloudException(CloudFault.TooSlow, $"backup {left.Name} ({left.Id}) is still {left.Status} "
                    + $"{limits.Thing.TotalSeconds:0} s after its removal");
            await Task.Delay(Look, time, ct);
        }
    }

    private async Task<IReadOnlyList<CinderBackup>> NamedAsync(string name, CancellationToken ct) =>
    [
        .. (await cloud.Cinder.BackupsAsync(ct)).Where(b => b.Name == name && b.Status != "deleting")
            .OrderBy(b => b.CreatedAt),
    ];

    private AdminCinder Admin() => admin is not null ? new AdminCinder(admin) : throw new CloudException(
        CloudFault.Refused, "options.backupCloud is not set");

    // Cinder tells nobody which backup another one builds on, but in the record that the other Cinder reads.
    private static ToldRecord RecordOf(CinderBackupRecord record)
    {
        try
        {
            using var read = JsonDocument.Parse(Convert.FromBase64String(record.BackupUrl));
            var parent = read.RootElement.GetProperty("parent_id");
            return new ToldRecord(parent.ValueKind is JsonValueKind.String ? parent.GetString() : null);
        }
        catch (Exception e) when (e is FormatException or JsonException or KeyNotFoundException)
        {
            throw new CloudException(CloudFault.Strange, "the record of a backup is not as Cinder writes them: "
                + "no Base64 of an object with `parent_id`", e);
        }
    }

    private sealed record ToldRecord(string? ParentId);

    /// <summary>As the administrator of the project.</summary>
    private sealed class AdminCinder(CloudSession session)
    {
        private readonly CinderClient _cinder = new(session);

        public string CloudName => session.Name;

        public Task<CinderBackupRecord> ExportRecordAsync(string id, CancellationToken ct) =>
            _cinder.ExportRecordAsync(id, ct);

        public Task ImportRecordAsync(CinderBackupRecord record, CancellationToken ct) =>
            _cinder.ImportRecordAsync(record, ct);
    }

    [LoggerMessage(EventIds.BackupNotIncremental, LogLevel.Information,
        "Backup {Name}: Cinder makes no incremental one; a full one is made")]
    private partial void LogNotIncremental(string name);

    [LoggerMessage(EventIds.BackupForeignParent, LogLevel.Warning,
        "Backup {Name} would be the difference to {Parent}, which is not ours: a full one is made instead")]
    private partial void LogForeignParent(string name, string parent);
}
