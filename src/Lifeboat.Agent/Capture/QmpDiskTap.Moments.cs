// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Agent.Capture.Moments;
using Lifeboat.Contracts.Agents;
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture;

// A disk's part in a moment (QmpMomentTap says in what order and why):
//
//   device ──► node                        PREPARE   a fresh map records beside the old ones; filter and overlay exist
//   device ──► filter ──► node             FIX       from here on what is overwritten goes to the overlay first
//                 └► overlay
//   image  ──► filter                      FINISH    the old maps are frozen; the image is exported with their union
//
// The device is the guest's; its node, maps and format stay as they are, and cleaning puts it back (qom-set).
internal sealed partial class QmpDiskTap
{
    private const int CopierRank = 1;
    private const int CopyLimitSeconds = 1; // QEMU counts whole seconds; longer than this a guest's write never waits

    public QemuMonitor Monitor => monitor;
    public SourceVolume Volume => volume;
    public string Export => _names.Export;

    /// <param name="overlay">Makes a file that QEMU can open.</param>
    /// <param name="unlink">QEMU has it open: whoever dies, it takes no room that nobody knows of.</param>
    public async Task<PreparedMoment> PrepareMomentAsync(QmpClient qmp, Guid replica,
        Func<string, long, string> overlay, Action unlink, CancellationToken ct)
    {
        await DiskCheck.ThrowIfOtherAsync(qmp, volume, ct);
        var last = await CleanAsync(qmp, ct);
        var blocks = await qmp.ExecuteAsync("query-block", null, ct);
        var node = BlockNode.Find(blocks, volume.Device);
        Interlocked.Exchange(ref _size, node.SizeBytes);
        var ours = node.Bitmaps.Where(m => m.Name.StartsWith(TapNames.Prefix, StringComparison.Ordinal)).ToList();
        var number = ours.Select(m => TapNames.NumberOf(m.Name)).Append(last).Max() + 1;
        var old = UsableMaps(ours, replica);
        await BeginMapAsync(qmp, node.Name, number, replica, ours, old, ct);
        var file = overlay(_names.Overlay(number), node.SizeBytes);
        try
        {
            await AddFilterAsync(qmp, node.Name, number, file, ct);
        }
        finally
        {
            unlink();
        }
        return new PreparedMoment(this, BlockNode.PathOf(blocks, volume.Device), node.Name, number, replica,
            node.SizeBytes, old);
    }

    /// <summary>The device goes through the filter from here on; QEMU drains it meanwhile.</summary>
    public Task FixMomentAsync(QmpClient qmp, PreparedMoment moment, CancellationToken ct) =>
        SetDriveAsync(qmp, moment.Device, _names.Copier(moment.Number), ct);

    /// <exception cref="TapException">Refused: an overlay was put on the disk since it was prepared.</exception>
    public async Task<GapMap> FinishMomentAsync(QmpClient qmp, PreparedMoment moment, CancellationToken ct)
    {
        // What is written to an overlay is in the image, and in none of the maps, which are below.
        if (IsLibvirts && await BelowAsync(qmp, _names.Copier(moment.Number), ct) is var below && below != moment.Node)
            throw new TapException(TapFault.Refused,
                $"{volume.Name} is at node {below} by now; its change maps are at {moment.Node}");
        var recording = moment.Maps.Where(m => m.Recording).ToList();
        if (recording.Count > 0)
            await qmp.ExecuteAsync("transaction", new JsonObject
            {
                ["actions"] = new JsonArray([.. recording.Select(m =>
                    MapAction("block-dirty-bitmap-disable", moment.Node, m.Name))]),
            }, ct);
        var gap = moment.Maps.Count == 0
            ? new GapMap(GapKind.Allocation, null)
            : new GapMap(GapKind.Known, await MergeAsync(qmp, moment.Node, [.. moment.Maps], ct));
        await qmp.ExecuteAsync("blockdev-add", new JsonObject
        {
            ["driver"] = "snapshot-access",
            ["node-name"] = _names.Image(moment.Number),
            ["file"] = _names.Copier(moment.Number),
        }, ct);
        await monitor.Pull.ExportAsync(
            qmp, _names.Export, _names.Image(moment.Number), gap.BitmapName, ct, bitmapNode: moment.Node);
        return gap;
    }

    /// <summary>Bytes of the overlay on its disk; 0 when it is gone.</summary>
    public async Task<long> OverlayBytesAsync(QmpClient qmp, PreparedMoment moment, CancellationToken ct) =>
        await BlockLook.NodeAsync(qmp, _names.Overlay(moment.Number), ct) is { } node
            && node.GetProperty("image").TryGetProperty("actual-size", out var size) ? size.GetInt64() : 0;

    /// <summary>No image, filter or overlay of ours is left; the maps stay.</summary>
    public Task EndMomentAsync(QmpClient qmp, CancellationToken ct) => CleanAsync(qmp, ct);

    public Task ForgetMomentAsync(QmpClient qmp, PreparedMoment moment, GapMap gap, CancellationToken ct) =>
        RemoveMapsAsync(qmp, moment.Node,
            m => m.Name == gap.BitmapName || m.Name == TapNames.WholeMarker(moment.Replica), ct);

    // Both record for a moment: what is written before the images are fixed is in the old maps, what is written after
    // that in the fresh one, and what falls in between may be in both.
    private async Task BeginMapAsync(QmpClient qmp, string node, long number, Guid replica,
        List<DirtyBitmap> ours, List<DirtyBitmap> usable, CancellationToken ct)
    {
        var actions = new JsonArray(AddMap(node, TapNames.Map(replica, number), MapGranularity, disabled: false));
        var marker = TapNames.WholeMarker(replica);
        if (usable.Count == 0 && ours.All(m => m.Name != marker))
            actions.Add(AddMap(node, marker, MarkerGranularity, disabled: true));
        await qmp.ExecuteAsync("transaction", new JsonObject { ["actions"] = actions }, ct);
        foreach (var map in ours.Except(usable).Where(m => m.Name != marker))
            await RemoveMapAsync(qmp, node, map.Name, ct);
    }

    // When the copy cannot be made, or takes too long, the image breaks and the guest's write goes on.
    private async Task AddFilterAsync(QmpClient qmp, string node, long number, string file, CancellationToken ct)
    {
        await qmp.ExecuteAsync("blockdev-add", new JsonObject
        {
            ["driver"] = "file",
            ["node-name"] = _names.Overlay(number),
            ["filename"] = file,
            ["discard"] = "unmap",
        }, ct);
        await qmp.ExecuteAsync("blockdev-add", new JsonObject
        {
            ["driver"] = "copy-before-write",
            ["node-name"] = _names.Copier(number),
            ["file"] = node,
            ["target"] = _names.Overlay(number),
            ["on-cbw-error"] = "break-snapshot",
            ["cbw-timeout"] = CopyLimitSeconds,
        }, ct);
    }

    private async Task<List<string>> OurNodesAsync(QmpClient qmp, CancellationToken ct) =>
    [
        .. (await BlockLook.NodesAsync(qmp, n => n.GetProperty("node-name").GetString()!, ct))
            .Where(n => n.StartsWith(_names.DevicePrefix, StringComparison.Ordinal)),
    ];

    private async Task RestoreTopAsync(QmpClient qmp, CancellationToken ct)
    {
        var blocks = await qmp.ExecuteAsync("query-block", null, ct);
        if (BlockNode.TopOf(blocks, volume.Device) is not { } top || _names.RankOf(top) != CopierRank) return;
        await SetDriveAsync(qmp, BlockNode.PathOf(blocks, volume.Device), await BelowAsync(qmp, top, ct), ct);
    }

    private static Task<JsonElement> SetDriveAsync(QmpClient qmp, string device, string node, CancellationToken ct) =>
        qmp.ExecuteAsync("qom-set",
            new JsonObject { ["path"] = device, ["property"] = "drive", ["value"] = node }, ct);
}
