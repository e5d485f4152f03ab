// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Lifeboat.Contracts.Agents;
using Lifeboat.Nbd;
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture;

/// <summary>
/// Reads what the change maps of a fenced source hold, without taking anything from them: their union is merged into
/// a map of its own, which is exported, read and removed. What a killed agent leaves has a name that the next attach
/// or look removes.
/// </summary>
internal sealed class ChangeLook(QemuMonitors monitors, TimeProvider time)
{
    private const long Piece = 1L << 30;

    public async Task<ChangeReport> LookAsync(ChangeMapRequest request, CancellationToken ct)
    {
        var volumes = new List<VolumeChanges>();
        foreach (var volume in request.Volumes) volumes.Add(await LookAsync(volume, ct));
        return new ChangeReport(true, 1, volumes);
    }

    private async Task<VolumeChanges> LookAsync(SourceVolume volume, CancellationToken ct)
    {
        try
        {
            var monitor = monitors.Of(volume.QmpSocket);
            return await monitor.TalkAsync(qmp => LookAsync(qmp, monitor.Pull, volume, ct), ct);
        }
        catch (TapException e)
        {
            return Unknown(volume, e.Message);
        }
        catch (NbdException e)
        {
            return Unknown(volume, e.Message);
        }
    }

    private async Task<VolumeChanges> LookAsync(QmpClient qmp, PullServer pull, SourceVolume volume,
        CancellationToken ct)
    {
        var names = new TapNames(volume.Device);
        var node = await BlockNode.FindAsync(qmp, volume.Device, ct);
        await CleanAsync(qmp, pull, node, names, ct);
        var maps = node.Bitmaps.Where(m => m.Name.StartsWith(TapNames.Prefix, StringComparison.Ordinal)
            && m.Name != names.Look).ToList();
        if (maps.Any(m => TapNames.IsMovingMarker(m.Name)))
            return Unknown(volume, "its change maps were on their way to another node when the agent ended");
        if (maps.Any(m => TapNames.SaysWhole(m.Name)))
            return Unknown(volume, "the first copy was not complete when the sides parted");
        if (maps.Any(m => m.Inconsistent) || !maps.Any(m => m.Recording))
            return Unknown(volume, "the change map ended with the QEMU that had it");
        try
        {
            await MergeAsync(qmp, node, names, maps, ct);
            await pull.ExportAsync(qmp, names.LookExport, node.Name, names.Look, ct);
            return await ReadAsync(pull, names, volume, ct);
        }
        finally
        {
            await CleanAsync(qmp, pull, node with { Bitmaps = [new(names.Look, false, false, false, 0, 0)] },
                names, CancellationToken.None);
        }
    }

    private static async Task MergeAsync(QmpClient qmp, BlockNode node, TapNames names,
        IEnumerable<DirtyBitmap> maps, CancellationToken ct)
    {
        await qmp.ExecuteAsync("block-dirty-bitmap-add", new JsonObject
        {
            ["node"] = node.Name, ["name"] = names.Look, ["granularity"] = 4096, ["disabled"] = true,
        }, ct);
        await qmp.ExecuteAsync("block-dirty-bitmap-merge", new JsonObject
        {
            ["node"] = node.Name, ["target"] = names.Look,
            ["bitmaps"] = new JsonArray([.. maps.Select(m => (JsonNode)m.Name)]),
        }, ct);
    }

    private async Task<VolumeChanges> ReadAsync(PullServer pull, TapNames names, SourceVolume volume,
        CancellationToken ct)
    {
        var context = NbdExtent.DirtyBitmapPrefix + names.Look;
        await using var nbd = await NbdClient.ConnectAsync(new UnixDomainSocketEndPoint(pull.SocketPath),
            new NbdClientOptions { Export = names.LookExport, MetaContexts = [context], Time = time }, ct);
        long bytes = 0, extents = 0;
        var before = false;
        for (long at = 0; at < volume.SizeBytes; at += Piece)
        {
            foreach (var extent in await nbd.BlockStatusAsync(context, at, Math.Min(Piece, volume.SizeBytes - at), ct))
            {
                var dirty = (extent.Flags & NbdExtent.Dirty) != 0;
                if (dirty) bytes += extent.Length;
                if (dirty && !before) extents++;
                before = dirty;
            }
        }
        return new VolumeChanges(volume.Name, true, bytes, extents);
    }

    private static async Task CleanAsync(QmpClient qmp, PullServer pull, BlockNode node, TapNames names,
        CancellationToken ct)
    {
        await pull.WithdrawAsync(qmp, names.LookExport, ct);
        if (node.Bitmaps.All(m => m.Name != names.Look)) return;
        try
        {
            await qmp.ExecuteAsync("block-dirty-bitmap-remove",
                new JsonObject { ["node"] = node.Name, ["name"] = names.Look }, ct);
        }
        catch (QmpException e) when (e.Fault == QmpFault.Refused)
        {
            // It was not made, or another agent's clean-up came first.
        }
    }

    private static VolumeChanges Unknown(SourceVolume volume, string why) => new(volume.Name, false, 0, 0, why);
}
