// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture;

internal sealed partial class QmpDiskTap
{
    private const long MarkerGranularity = 1L << 20;
    private const long CoarseGranularity = 65536;
    // The job reads nothing itself (guests' writes are copied from where they stand), and QEMU takes all of it at once:
    // ten megabytes for each disk if it is not told.
    private const long MirrorBufferBytes = 256 << 10;
    private const long SmallDisk = 4L << 30;
    private const long LargeDisk = 1L << 40;

    // One bit each: 32 MiB of QEMU's memory per TiB at 4 KiB.
    private long MapGranularity => SizeBytes <= LargeDisk ? 4096 : CoarseGranularity;

    // Two bits each, and two writes to the same block at once take turns. What it is missing nobody asks.
    private long MirrorGranularity => SizeBytes <= SmallDisk ? 4096 : SizeBytes <= LargeDisk ? 16384 : 65536;

    private bool SparesFineMaps => SizeBytes is > SmallDisk and <= LargeDisk;

    // Of a map that begins to record while these stay.
    private long GranularityBeside(IEnumerable<DirtyBitmap> others) =>
        SparesFineMaps && others.Any(m => m.Granularity < CoarseGranularity) ? CoarseGranularity : MapGranularity;

    // A fresh map in the place of the old one; or, where two of them would take too much memory, a coarse one that
    // stands in while the fine one is made empty:
    //
    //   fine ──► fine + coarse ──► all captured is durable ──► fine cleared ──► all captured is durable ──► fine
    //
    // Beginning and clearing are transactions, which no write straddles. So a write is in the stream before the first,
    // or in the coarse map until it is in the fine one alone or durable. While a gap is there, it is the fine one: an
    // attach begins a coarse map beside it, and the first rotation when the gap is gone puts a fine one in its place.
    public async Task RotateAsync(Func<CancellationToken, Task> untilDurable, CancellationToken ct)
    {
        var attached = Attached();
        var (over, cleared) = await monitor.TalkAsync(qmp => BeginRotateAsync(qmp, attached, ct), ct);
        await untilDurable(ct);
        if (cleared is not null)
        {
            await monitor.TalkAsync(qmp => ClearAsync(qmp, attached, cleared, ct), ct);
            await untilDurable(ct);
        }
        await monitor.TalkAsync(async qmp =>
        {
            // Asked after everything was durable: had the mirror ended before the transaction, we would know by now.
            await RequireMirrorAsync(qmp, attached, ct);
            foreach (var map in over) await RemoveMapAsync(qmp, attached.Node, map, ct);
        }, ct);
    }

    private async Task ClearAsync(QmpClient qmp, Attachment attached, string map, CancellationToken ct)
    {
        await RequireMirrorAsync(qmp, attached, ct);
        var clear = new JsonArray(MapAction("block-dirty-bitmap-clear", attached.Node, map));
        await qmp.ExecuteAsync("transaction", new JsonObject { ["actions"] = clear }, ct);
    }

    /// <returns>Maps that are to go, and one that is to be cleared before.</returns>
    private async Task<(IReadOnlyList<string> Over, string? Cleared)> BeginRotateAsync(
        QmpClient qmp, Attachment attached, CancellationToken ct)
    {
        await RequireMirrorAsync(qmp, attached, ct);
        var prefix = TapNames.MapPrefix(attached.Replica);
        var all = await BlockLook.MapsAsync(qmp, attached.Node, ct);
        var maps = all
            .Where(m => m.Name.StartsWith(prefix, StringComparison.Ordinal) && !attached.IsGap(m.Name)).ToList();
        var number = maps.Select(m => TapNames.NumberOf(m.Name)).Append(attached.Number).Max() + 1;
        var fresh = TapNames.Map(attached.Replica, number);
        var fine = SparesFineMaps ? maps.Find(m => m.Recording && m.Granularity == MapGranularity) : null;
        var granularity = fine is null ? GranularityBeside(all.Where(m => m.Name == attached.Gap.BitmapName))
            : CoarseGranularity;
        var actions = new JsonArray(AddMap(attached.Node, fresh, granularity, disabled: false));
        foreach (var map in maps.Where(m => m.Recording && m != fine))
            actions.Add(MapAction("block-dirty-bitmap-disable", attached.Node, map.Name));
        await qmp.ExecuteAsync("transaction", new JsonObject { ["actions"] = actions }, ct);
        var over = maps.Where(m => m != fine).Select(m => m.Name);
        return fine is null ? ([.. over], null) : ([.. over, fresh], fine.Name);
    }

    private async Task RequireMirrorAsync(QmpClient qmp, Attachment attached, CancellationToken ct)
    {
        if (!await IsIntactAsync(qmp, attached, ct))
            throw new TapException(TapFault.Refused, $"the mirror of {volume.Name} has ended");
    }

    private static async Task RemoveMapsAsync(
        QmpClient qmp, string node, Func<DirtyBitmap, bool> which, CancellationToken ct)
    {
        foreach (var map in await BlockLook.MapsAsync(qmp, node, ct))
            if (map.Name.StartsWith(TapNames.Prefix, StringComparison.Ordinal) && which(map))
                await RemoveMapAsync(qmp, node, map.Name, ct);
    }

    private static async Task<long> SizeOfAsync(QmpClient qmp, string node, CancellationToken ct) =>
        (await BlockLook.NodeAsync(qmp, node, ct))?.GetProperty("image").GetProperty("virtual-size").GetInt64() ?? 0;

    private static Task RemoveMapAsync(QmpClient qmp, string node, string map, CancellationToken ct) =>
        qmp.ExecuteAsync("block-dirty-bitmap-remove", new JsonObject { ["node"] = node, ["name"] = map }, ct);

    private static JsonNode AddMap(string node, string map, long granularity, bool disabled) => new JsonObject
    {
        ["type"] = "block-dirty-bitmap-add",
        ["data"] = new JsonObject
        {
            ["node"] = node, ["name"] = map, ["granularity"] = granularity, ["disabled"] = disabled,
        },
    };

    private static JsonNode MapAction(string type, string node, string map) => new JsonObject
    {
        ["type"] = type,
        ["data"] = new JsonObject { ["node"] = node, ["name"] = map },
    };
}
