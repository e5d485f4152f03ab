// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture;

internal sealed partial class QmpDiskTap
{
    private const long MarkerGranularity = 1L << 20;
    private const long LargeDisk = 1L << 40;

    // One bit each: 32 MiB of QEMU's memory per TiB at 4 KiB.
    private long MapGranularity => SizeBytes <= LargeDisk ? 4096 : 65536;

    public async Task RotateAsync(Func<CancellationToken, Task> untilDurable, CancellationToken ct)
    {
        var attached = Attached();
        var old = await monitor.TalkAsync(qmp => BeginRotateAsync(qmp, attached, ct), ct);
        await untilDurable(ct);
        await monitor.TalkAsync(async qmp =>
        {
            // Asked after everything was durable: had the mirror ended before the transaction, we would know by now.
            await RequireMirrorAsync(qmp, attached, ct);
            foreach (var map in old) await RemoveMapAsync(qmp, attached.Node, map, ct);
        }, ct);
    }

    private async Task<IReadOnlyList<string>> BeginRotateAsync(
        QmpClient qmp, Attachment attached, CancellationToken ct)
    {
        await RequireMirrorAsync(qmp, attached, ct);
        var prefix = TapNames.MapPrefix(attached.Replica);
        var maps = (await MapsAsync(qmp, attached.Node, ct))
            .Where(m => m.Name.StartsWith(prefix, StringComparison.Ordinal) && !attached.IsGap(m.Name)).ToList();
        var number = maps.Select(m => TapNames.NumberOf(m.Name)).Append(attached.Number).Max() + 1;
        var actions = new JsonArray(
            AddMap(attached.Node, TapNames.Map(attached.Replica, number), MapGranularity, disabled: false));
        foreach (var map in maps.Where(m => m.Recording))
            actions.Add(MapAction("block-dirty-bitmap-disable", attached.Node, map.Name));
        await qmp.ExecuteAsync("transaction", new JsonObject { ["actions"] = actions }, ct);
        return [.. maps.Select(m => m.Name)];
    }

    private async Task RequireMirrorAsync(QmpClient qmp, Attachment attached, CancellationToken ct)
    {
        if (!await IsIntactAsync(qmp, attached, ct))
            throw new TapException(TapFault.Refused, $"the mirror of {volume.Name} has ended");
    }

    private static async Task RemoveMapsAsync(
        QmpClient qmp, string node, Func<DirtyBitmap, bool> which, CancellationToken ct)
    {
        foreach (var map in await MapsAsync(qmp, node, ct))
            if (map.Name.StartsWith(TapNames.Prefix, StringComparison.Ordinal) && which(map))
                await RemoveMapAsync(qmp, node, map.Name, ct);
    }

    private static async Task<IReadOnlyList<DirtyBitmap>> MapsAsync(QmpClient qmp, string node, CancellationToken ct)
    {
        var nodes = await qmp.ExecuteAsync("query-named-block-nodes", new JsonObject { ["flat"] = true }, ct);
        foreach (var found in nodes.EnumerateArray())
        {
            if (found.GetProperty("node-name").GetString() != node) continue;
            return found.TryGetProperty("dirty-bitmaps", out var maps)
                ? [.. maps.EnumerateArray().Select(DirtyBitmap.Read)]
                : [];
        }
        throw new TapException(TapFault.DiskNotFound, $"node {node} is gone");
    }

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
