// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Agent.Capture.Gateway;
using Lifeboat.Agent.Processes;
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture;

internal sealed partial class QmpDiskTap
{
    // A refused attach (a snapshot or a move is on its way) leaves no job and no node behind; a new map may stay: the
    // next attach unites it with the others.
    private async Task<Attachment> AttachOrCleanAsync(
        QmpClient qmp, CaptureConnection connection, Guid replica, CancellationToken ct)
    {
        try
        {
            return await AttachAsync(qmp, connection, replica, ct);
        }
        catch (Exception e) when (e is QmpException { Fault: QmpFault.Refused or QmpFault.Timeout } or TapException)
        {
            connection.Dismiss();
            await CleanAsync(qmp, ct);
            await TakeShimAsync(qmp, ct);
            throw;
        }
    }

    private async Task<Attachment> AttachAsync(
        QmpClient qmp, CaptureConnection connection, Guid replica, CancellationToken ct)
    {
        await DiskCheck.ThrowIfOtherAsync(qmp, volume, ct);
        var lastNumber = await CleanAsync(qmp, ct);
        await SetShimAsync(qmp, ct);
        var node = await BlockNode.FindAsync(qmp, volume.Device, ct);
        if (node.SizeBytes != SizeBytes)
        {
            var before = Interlocked.Exchange(ref _size, node.SizeBytes);
            throw new TapException(TapFault.SizeChanged, $"{volume.Name} has {node.SizeBytes} bytes, had {before}");
        }
        var ours = node.Bitmaps.Where(m => m.Name.StartsWith(TapNames.Prefix, StringComparison.Ordinal)).ToList();
        var number = ours.Select(m => TapNames.NumberOf(m.Name)).Append(lastNumber).Max() + 1;
        var old = UsableMaps(ours, replica);

        await StartMirrorAsync(qmp, connection, node.Name, number, ct);
        // From here on QEMU refuses to resize it; a moment ago it did not.
        if (await SizeOfAsync(qmp, node.Name, ct) is var size && size != node.SizeBytes)
            throw new TapException(TapFault.SizeChanged, $"{volume.Name} has {size} bytes, had {node.SizeBytes}");
        await FreezeMapsAsync(qmp, node.Name, number, replica, ours, old, ct);
        var gap = old.Count == 0
            ? new GapMap(GapKind.Allocation, null, null, node.StoredBytes)
            : new GapMap(GapKind.Known, await MergeAsync(qmp, node.Name, old, ct), old.Sum(m => m.DirtyBytes),
                node.StoredBytes);
        await monitor.Pull.ExportAsync(qmp, _names.Export, node.Name, gap.BitmapName, ct);
        return new Attachment(connection, node.Name, number, replica, gap)
        {
            Qemu = ProcessIdentity.Find(qmp.ProcessId),
        };
    }

    // Maps are of use only as a set without holes: one records, none is broken, none was left on the way to another
    // node, and no first sync is unfinished.
    private static List<DirtyBitmap> UsableMaps(List<DirtyBitmap> ours, Guid replica)
    {
        var prefix = TapNames.MapPrefix(replica);
        var maps = ours.Where(m => m.Name.StartsWith(prefix, StringComparison.Ordinal)).ToList();
        var whole = maps.Any(m => TapNames.SaysWhole(m.Name));
        return !whole && maps.Any(m => m.Recording) && !maps.Any(m => m.Inconsistent) ? maps : [];
    }

    private async Task StartMirrorAsync(
        QmpClient qmp, CaptureConnection connection, string node, long number, CancellationToken ct)
    {
        await qmp.ExecuteAsync("blockdev-add", new JsonObject
        {
            ["driver"] = "nbd",
            ["node-name"] = _names.Target(number),
            ["server"] = await ServerAsync(qmp, ct),
            ["export"] = connection.Info.Name,
            ["reconnect-delay"] = 0,
            ["open-timeout"] = 0,
            ["discard"] = "unmap",
            ["detect-zeroes"] = "unmap",
        }, ct);
        using var events = qmp.Subscribe();
        var job = _names.Job(number);
        await qmp.ExecuteAsync("blockdev-mirror", new JsonObject
        {
            ["job-id"] = job,
            ["device"] = node,
            ["target"] = _names.Target(number),
            ["sync"] = "none",
            ["copy-mode"] = "write-blocking",
            ["granularity"] = MirrorGranularity,
            ["buf-size"] = MirrorBufferBytes,
            ["on-target-error"] = "report",
            ["filter-node-name"] = _names.Filter(number),
        }, ct);
        var first = await events.WaitAsync(
            e => e.Name is "BLOCK_JOB_READY" or "BLOCK_JOB_COMPLETED" or "BLOCK_JOB_CANCELLED"
                && e.Data.GetProperty("device").GetString() == job, ReadyLimit, ct);
        if (first.Name != "BLOCK_JOB_READY")
            throw new TapException(TapFault.Refused, $"the mirror of {volume.Name} ended at once: {first.Data}");
        // A paused job copies the guest's writes as before (the filter node does that), but does not end by itself when
        // its target fails. Ending, QEMU frees what writes still under way use, and dies of it: decision 0012.
        await qmp.ExecuteAsync("block-job-pause", new JsonObject { ["device"] = job }, ct);
    }

    // Under the gateway's path: QEMU tells of the node what it was called, and so whose connection it is.
    private async Task<JsonObject> ServerAsync(QmpClient qmp, CancellationToken ct)
    {
        using var theirs = gateway.Connect();
        try
        {
            await qmp.PassAsync(gateway.SocketPath, theirs.SafeHandle, ct);
            return new JsonObject { ["type"] = "fd", ["str"] = gateway.SocketPath };
        }
        catch (QmpException e) when (e.Fault == QmpFault.Refused)
        {
            LogNotPassed(volume.Name, e.Message);
            return new JsonObject { ["type"] = "unix", ["path"] = gateway.SocketPath };
        }
    }

    // One transaction, so that a write is in the old maps or in the new one and never in neither.
    private async Task FreezeMapsAsync(QmpClient qmp, string node, long number, Guid replica,
        List<DirtyBitmap> ours, List<DirtyBitmap> usable, CancellationToken ct)
    {
        var fresh = AddMap(node, TapNames.Map(replica, number), GranularityBeside(usable), disabled: false);
        var actions = new JsonArray(fresh);
        var marker = TapNames.WholeMarker(replica);
        if (usable.Count == 0 && ours.All(m => m.Name != marker))
            actions.Add(AddMap(node, marker, MarkerGranularity, disabled: true));
        foreach (var map in usable.Where(m => m.Recording))
            actions.Add(MapAction("block-dirty-bitmap-disable", node, map.Name));
        await qmp.ExecuteAsync("transaction", new JsonObject { ["actions"] = actions }, ct);
        foreach (var map in ours.Except(usable).Where(m => m.Name != marker))
            await RemoveMapAsync(qmp, node, map.Name, ct);
    }

    // Several are left when an agent died between a transaction and its end; their union is the gap, in the finest.
    private static async Task<string> MergeAsync(
        QmpClient qmp, string node, List<DirtyBitmap> maps, CancellationToken ct)
    {
        maps = [.. maps.OrderBy(m => m.Granularity)];
        var target = maps[0].Name;
        if (maps.Count == 1) return target;
        var others = new JsonArray([.. maps.Skip(1).Select(m => (JsonNode)m.Name)]);
        await qmp.ExecuteAsync("block-dirty-bitmap-merge",
            new JsonObject { ["node"] = node, ["target"] = target, ["bitmaps"] = others }, ct);
        foreach (var map in maps.Skip(1)) await RemoveMapAsync(qmp, node, map.Name, ct);
        return target;
    }

    /// <summary>Ends and removes jobs, exports and nodes of this disk, an earlier agent's too; the maps stay.</summary>
    /// <returns>The highest number that was used in a name.</returns>
    private async Task<long> CleanAsync(QmpClient qmp, CancellationToken ct)
    {
        await monitor.Pull.WithdrawAsync(qmp, _names.Export, ct);
        var last = 0L;
        foreach (var job in await OurJobsAsync(qmp, ct))
        {
            last = Math.Max(last, TapNames.NumberOf(job));
            await EndJobAsync(qmp, job, ct);
        }
        foreach (var rank in (await OurNodesAsync(qmp, ct)).GroupBy(_names.RankOf).OrderByDescending(r => r.Key))
        {
            // The guest's device lets go of a filter before it goes, and that of its image before.
            if (rank.Key == CopierRank) await RestoreTopAsync(qmp, ct);
            foreach (var name in rank)
            {
                last = Math.Max(last, TapNames.NumberOf(name));
                await qmp.ExecuteAsync("blockdev-del", new JsonObject { ["node-name"] = name }, ct);
            }
        }
        return last;
    }

    // Not by force: that frees before it drains. A ready mirror that is asked to end drains first. One that has failed
    // takes no more writes, and ends when it is resumed; but one that it took before may still be under way at a slow
    // disk. A transaction of nothing drains them all: decision 0064. The three go together, so that no write fails
    // after the first and before the last, which only the mirror of a killed agent's disk at rest could do.
    private async Task EndJobAsync(QmpClient qmp, string job, CancellationToken ct)
    {
        var drained = qmp.ExecuteAsync("transaction", new JsonObject { ["actions"] = new JsonArray() }, ct);
        var resumed = RefusableAsync(qmp.ExecuteAsync("block-job-resume", new JsonObject { ["device"] = job }, ct));
        var ended = RefusableAsync(qmp.ExecuteAsync("block-job-cancel", new JsonObject { ["device"] = job }, ct));
        await Task.WhenAll(drained, resumed, ended);
        var started = time.GetTimestamp();
        while ((await OurJobsAsync(qmp, ct)).Contains(job))
        {
            if (time.GetElapsedTime(started) > JobEndLimit)
                throw new TapException(TapFault.Refused, $"job {job} does not end");
            await Task.Delay(PollEvery, time, ct);
        }
    }

    private async Task<IReadOnlyList<string>> OurJobsAsync(QmpClient qmp, CancellationToken ct) =>
    [
        .. (await qmp.ExecuteAsync("query-block-jobs", null, ct)).EnumerateArray()
            .Select(j => j.GetProperty("device").GetString()!)
            .Where(id => id.StartsWith(_names.DevicePrefix, StringComparison.Ordinal)),
    ];

    // A job that has just ended by itself refuses to be ended; what counts is whether it is listed afterwards.
    private static async Task RefusableAsync(Task<JsonElement> command)
    {
        try
        {
            await command;
        }
        catch (QmpException e) when (e.Fault == QmpFault.Refused)
        {
        }
    }
}
