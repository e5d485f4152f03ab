// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Sites.OpenStack.Http;
using static Lifeboat.Sites.OpenStack.BlockStorage.CinderBackupJson;

namespace Lifeboat.Sites.OpenStack.BlockStorage;

internal sealed partial class CinderClient
{
    public async Task<CinderGroup?> FindGroupAsync(string id, CancellationToken ct) =>
        (await session.FindAsync(Cinder, $"groups/{Uri.EscapeDataString(id)}", Default.GroupAnswer, ct))?.Group;

    public async Task<CinderGroupType?> FindGroupTypeAsync(string id, CancellationToken ct) =>
        (await session.FindAsync(Cinder, $"group_types/{Uri.EscapeDataString(id)}", Default.GroupTypeAnswer, ct))
            ?.GroupType;

    public Task<IReadOnlyList<CinderGroupSnapshot>> GroupSnapshotsAsync(CancellationToken ct) =>
        session.ListAsync<GroupSnapshotPage, CinderGroupSnapshot>(Cinder, "group_snapshots/detail",
            Default.GroupSnapshotPage, ct);

    /// <summary>One attempt to make a snapshot of all volumes of a group of Cinder's.</summary>
    public async Task<CinderGroupSnapshot> CreateGroupSnapshotAsync(string name, string group, CancellationToken ct) =>
        (await session.PostAsync(Cinder, "group_snapshots", new JsonObject
        {
            ["group_snapshot"] = new JsonObject { ["group_id"] = group, ["name"] = name },
        }, Default.JsonObject, Default.GroupSnapshotAnswer, ct)).GroupSnapshot;

    /// <summary>Its snapshots go with it.</summary>
    public Task DeleteGroupSnapshotAsync(string id, CancellationToken ct) =>
        session.DeleteAsync(Cinder, $"group_snapshots/{Uri.EscapeDataString(id)}", ct);

    public Task<IReadOnlyList<CinderBackup>> BackupsAsync(CancellationToken ct) =>
        session.ListAsync<BackupPage, CinderBackup>(Cinder, "backups/detail", Default.BackupPage, ct);

    public async Task<CinderBackup?> FindBackupAsync(string id, CancellationToken ct) =>
        (await session.FindAsync(Cinder, $"backups/{Uri.EscapeDataString(id)}", Default.BackupAnswer, ct))?.Backup;

    /// <summary>One attempt to back up a snapshot; the volume may be in a server.</summary>
    public async Task<CinderBackup> CreateBackupAsync(string name, string volume, string snapshot, bool incremental,
        CancellationToken ct) =>
        (await session.PostAsync(Cinder, "backups", new JsonObject
        {
            ["backup"] = new JsonObject
            {
                ["volume_id"] = volume,
                ["snapshot_id"] = snapshot,
                ["name"] = name,
                ["incremental"] = incremental,
                ["force"] = true,
            },
        }, Default.JsonObject, Default.BackupAnswer, ct)).Backup;

    public Task RestoreBackupAsync(string id, string volume, CancellationToken ct) => session.ChangeAsync(Cinder,
        HttpMethod.Post, $"backups/{Uri.EscapeDataString(id)}/restore",
        new JsonObject { ["restore"] = new JsonObject { ["volume_id"] = volume } }, Default.JsonObject, ct);

    public Task DeleteBackupAsync(string id, CancellationToken ct) =>
        session.DeleteAsync(Cinder, $"backups/{Uri.EscapeDataString(id)}", ct);

    /// <summary>For administrators only.</summary>
    public async Task<CinderBackupRecord> ExportRecordAsync(string id, CancellationToken ct) =>
        (await session.GetAsync(Cinder, $"backups/{Uri.EscapeDataString(id)}/export_record",
            Default.BackupRecordAnswer, ct)).BackupRecord;

    /// <summary>For administrators only: the backup becomes one of the project that the login is of.</summary>
    public Task ImportRecordAsync(CinderBackupRecord record, CancellationToken ct) => session.ChangeAsync(Cinder,
        HttpMethod.Post, "backups/import_record", new JsonObject
        {
            ["backup-record"] = new JsonObject
            {
                ["backup_service"] = record.BackupService,
                ["backup_url"] = record.BackupUrl,
            },
        }, Default.JsonObject, ct);
}
