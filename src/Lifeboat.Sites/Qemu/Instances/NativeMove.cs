// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Qemu;

namespace Lifeboat.Sites.Qemu.Instances;

/// <param name="Fraction">How much of the move is done, 0 to 1.</param>
/// <param name="Failure">Why a disk has to begin again; null: none has.</param>
internal sealed record MoveRound(double Fraction, string? Failure);

/// <summary>One look at a moving instance, and the next thing to do for each of its disks.</summary>
/// <param name="keep">Writes the new place of a disk down before it is relied upon.</param>
internal sealed class NativeMove(InstanceRecord record, QemuSiteOptions options, Func<DiskRecord, Task> keep)
{
    public async Task<MoveRound> AdvanceAsync(QmpClient qmp, CancellationToken ct)
    {
        var tops = await TopNodesAsync(qmp, ct);
        var jobs = await JobsAsync(qmp, ct);
        var moving = Moving();
        string? failure = null;
        double done = 0;
        var ready = new List<Disk>();
        foreach (var disk in moving)
        {
            var job = jobs.GetValueOrDefault(JobId(disk));
            var moved = tops.GetValueOrDefault(disk.Record.Device) == BlockNodes.Native(disk.Order);
            if (moved || IsStartedNative(disk, job))
            {
                await FinishAsync(qmp, disk, job, moved, ct);
                done += 1;
            }
            else if (job is null)
            {
                await BeginAsync(qmp, disk, ct);
            }
            else if (job.Status is "concluded" or "aborting" or "null")
            {
                failure = job.Error ?? "the copy job ended";
                if (job.Status == "concluded") await BackToOverlayAsync(qmp, disk, ct);
            }
            else
            {
                done += job.Total > 0 ? (double)job.Current / job.Total : 0;
                if (job.Status == "ready") ready.Add(disk);
            }
        }
        if (failure is null && Crowded(moving) is { } crowded)
        {
            failure = crowded;
        }
        if (failure is null && ready.Count > 0 && ready.Count == moving.Count) await PivotAsync(qmp, ready, ct);
        return new MoveRound(moving.Count == 0 ? 1 : Math.Min(done / moving.Count, 1), failure);
    }

    // QEMU was started again between the pivot's note and its end: it runs from the native file already.
    private static bool IsStartedNative(Disk disk, Job? job) => job is null && disk.Record.Place is DiskPlace.Pivoting;

    /// <summary>Takes back a move that cannot be: the copies go, and a guest that found its disk full goes
    /// on.</summary>
    /// <returns>False: a copy has not ended yet; ask again.</returns>
    public async Task<bool> AbandonAsync(QmpClient qmp, CancellationToken ct)
    {
        var jobs = await JobsAsync(qmp, ct);
        var copying = false;
        // A disk that pivots has its copy whole; it ends by itself.
        foreach (var disk in Moving().Where(d => d.Record.Place is DiskPlace.Overlay))
        {
            var job = jobs.GetValueOrDefault(JobId(disk));
            copying |= job is { Status: not "concluded" };
            if (job is { Status: "concluded" }) await BackToOverlayAsync(qmp, disk, ct);
            else if (job is not null) await CancelAsync(qmp, disk, ct);
        }
        if (copying) return false;
        var status = await qmp.ExecuteAsync("query-status", null, ct);
        if (status.GetProperty("status").GetString() == "io-error") await qmp.ExecuteAsync("cont", null, ct);
        return true;
    }

    private List<Disk> Moving() =>
    [
        .. record.Description.Disks.OrderBy(d => d.Order)
            .Select((d, order) => new Disk(record.Disk(d.Name), order, d.SizeBytes))
            .Where(d => d.Record.Place is DiskPlace.Overlay or DiskPlace.Pivoting),
    ];

    // Only while copies still grow: a disk that is ready needs no more room than its guest would take anyway.
    private string? Crowded(List<Disk> moving)
    {
        if (moving.FirstOrDefault(d => d.Record.Place is DiskPlace.Overlay) is not { } one) return null;
        var folder = Path.GetDirectoryName(one.Record.File!)!;
        var free = new DriveInfo(folder).AvailableFreeSpace >> 20;
        return free >= options.MoveReserveMiB ? null
            : $"No space left: {free} MiB free in {folder}, {options.MoveReserveMiB} MiB must remain";
    }

    // A plain cancel of a ready mirror finishes its copy first; `force` drops it.
    private static Task CancelAsync(QmpClient qmp, Disk disk, CancellationToken ct) => qmp.ExecuteAsync(
        "block-job-cancel", new JsonObject { ["device"] = JobId(disk), ["force"] = true }, ct);

    private async Task BeginAsync(QmpClient qmp, Disk disk, CancellationToken ct)
    {
        await RemoveNodesAsync(qmp, [BlockNodes.Native(disk.Order), BlockNodes.NativeFile(disk.Order)], ct);
        var path = NativePath(disk);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await using (var file = File.Create(path)) file.SetLength(disk.SizeBytes);
        await qmp.ExecuteAsync("blockdev-add", BlockNodes.FileNode(BlockNodes.NativeFile(disk.Order), path), ct);
        var format = BlockNodes.FormatNode(BlockNodes.Native(disk.Order), "raw", BlockNodes.NativeFile(disk.Order));
        // Zeroes that the view holds as data do not take room in the native file.
        format["detect-zeroes"] = "unmap";
        await qmp.ExecuteAsync("blockdev-add", format, ct);
        await qmp.ExecuteAsync("blockdev-mirror", new JsonObject
        {
            ["job-id"] = JobId(disk),
            ["device"] = BlockNodes.Top(disk.Order),
            ["target"] = BlockNodes.Native(disk.Order),
            ["sync"] = "full",
            ["copy-mode"] = "write-blocking",
            ["speed"] = options.MoveBytesPerSecond,
            ["on-source-error"] = "report",
            ["on-target-error"] = "report",
            ["auto-finalize"] = true,
            ["auto-dismiss"] = false,
        }, ct);
    }

    private async Task PivotAsync(QmpClient qmp, List<Disk> ready, CancellationToken ct)
    {
        foreach (var disk in ready.Where(d => d.Record.Place is DiskPlace.Overlay))
        {
            // Until here the guest's flushes went to the overlay only.
            await using (var file = new FileStream(NativePath(disk), FileMode.Open, FileAccess.ReadWrite,
                FileShare.ReadWrite))
                file.Flush(flushToDisk: true);
            await keep(disk.Record with { Place = DiskPlace.Pivoting, File = NativePath(disk), Format = "raw" });
        }
        foreach (var disk in ready)
            await qmp.ExecuteAsync("job-complete", new JsonObject { ["id"] = JobId(disk) }, ct);
    }

    // The record says Native last: until then a repetition lets go of what is left.
    private async Task FinishAsync(QmpClient qmp, Disk disk, Job? job, bool moved, CancellationToken ct)
    {
        if (job is { Status: not "concluded" }) return;   // the device has moved, the job is about to end
        if (job is not null) await qmp.ExecuteAsync("job-dismiss", new JsonObject { ["id"] = JobId(disk) }, ct);
        if (moved)
            await RemoveNodesAsync(qmp,
                [BlockNodes.Top(disk.Order), BlockNodes.File(disk.Order), BlockNodes.View(disk.Order)], ct);
        File.Delete(OverlayPath(disk));
        await keep(disk.Record with
        {
            Place = DiskPlace.Native,
            File = NativePath(disk),
            Format = "raw",
            ViewSocket = null,
            ViewExport = null,
        });
    }

    private async Task BackToOverlayAsync(QmpClient qmp, Disk disk, CancellationToken ct)
    {
        if (disk.Record.Place is DiskPlace.Pivoting)
            await keep(disk.Record with { Place = DiskPlace.Overlay, File = OverlayPath(disk), Format = "qcow2" });
        await qmp.ExecuteAsync("job-dismiss", new JsonObject { ["id"] = JobId(disk) }, ct);
        await RemoveNodesAsync(qmp, [BlockNodes.Native(disk.Order), BlockNodes.NativeFile(disk.Order)], ct);
        File.Delete(NativePath(disk));
    }

    private static async Task RemoveNodesAsync(QmpClient qmp, string[] nodes, CancellationToken ct)
    {
        var named = await qmp.ExecuteAsync("query-named-block-nodes", new JsonObject { ["flat"] = true }, ct);
        var present = named.EnumerateArray().Select(n => n.GetProperty("node-name").GetString()).ToHashSet();
        foreach (var node in nodes.Where(present.Contains))
            await qmp.ExecuteAsync("blockdev-del", new JsonObject { ["node-name"] = node }, ct);
    }

    // By device id: the node that the guest's device uses now, below a filter of a job that is still there.
    internal static async Task<Dictionary<string, string>> TopNodesAsync(QmpClient qmp, CancellationToken ct)
    {
        var tops = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var entry in (await qmp.ExecuteAsync("query-block", null, ct)).EnumerateArray())
        {
            if (!entry.TryGetProperty("inserted", out var inserted)
                || !entry.TryGetProperty("qdev", out var qdev)) continue;
            var path = qdev.GetString()!.Split('/', StringSplitOptions.RemoveEmptyEntries);
            var id = path is ["machine", "peripheral", var named, ..] ? named : path[^1];
            tops[id] = inserted.GetProperty("node-name").GetString()!;
        }
        return tops;
    }

    private static async Task<Dictionary<string, Job>> JobsAsync(QmpClient qmp, CancellationToken ct)
    {
        var jobs = await qmp.ExecuteAsync("query-jobs", null, ct);
        return jobs.EnumerateArray().Select(j => new Job(
            j.GetProperty("id").GetString()!, j.GetProperty("status").GetString()!,
            j.GetProperty("current-progress").GetInt64(), j.GetProperty("total-progress").GetInt64(),
            j.TryGetProperty("error", out var error) ? error.GetString() : null)).ToDictionary(j => j.Id);
    }

    // Overlay and native file are neighbours, whichever of them the record names now.
    private static string OverlayPath(Disk disk) => Path.ChangeExtension(disk.Record.File!, ".qcow2");
    private static string NativePath(Disk disk) => Path.ChangeExtension(disk.Record.File!, ".raw");
    private static string JobId(Disk disk) => $"native{disk.Order}";

    private sealed record Disk(DiskRecord Record, int Order, long SizeBytes);

    private sealed record Job(string Id, string Status, long Current, long Total, string? Error);
}
