// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Lifeboat.Qemu;
using Lifeboat.Qemu.Libvirt;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture;

// libvirt works on the nodes of a disk while it is captured: it puts overlays on them, merges them, reads them. A
// mirror of its node would refuse all that, and an overlay would take the guest's writes away from our maps. So a
// filter of ours that does nothing (throttle, without limits) stands between, and mirror, maps and export are at it:
//
//   device ──► [mirror's filter] ──► shim ──► node of libvirt, or whatever it puts in that place
//
// Attached: a shim, with all maps. Detached: none, and the maps are at libvirt's node. On the way from one to the other
// maps are at both, and together they have every write: the one that is to record begins before the device changes
// over, the others are merged into their like before they are removed. Decision 0045. libvirt may put an overlay
// between the two meanwhile, and the guest writes to it: so until all maps are at one node a marker at both says that
// they are no set. The device does not follow to a node that has an overlay, which libvirt has made read-only: decision
// 0065.
internal sealed partial class QmpDiskTap
{
    private const string ShimGroup = TapNames.Prefix + "unlimited";

    private bool IsLibvirts => LibvirtAddress.IsLike(volume.QmpSocket);
    private string? ShimName => IsLibvirts ? _names.Shim : null;

    /// <summary>Puts the shim in its place, with what maps there are, where libvirt has the disk.</summary>
    private async Task SetShimAsync(QmpClient qmp, CancellationToken ct)
    {
        if (ShimName is not { } shim) return;
        // Before the look at the nodes: the copy that it makes may take the place of what is seen there.
        var foreign = await ForeignJobAsync(qmp, ct);
        var blocks = await qmp.ExecuteAsync("query-block", null, ct);
        if (BlockNode.TopOf(blocks, volume.Device) is not { } top) return; // the attach says what is missing
        if (top != shim)
        {
            // One of a disk that was taken out may still be there.
            if (await BlockLook.NodeAsync(qmp, shim, ct) is not null) await DeleteAsync(qmp, shim, ct);
            Refuse(foreign);
            await AddShimAsync(qmp, shim, top, ct);
            await SetDriveAsync(qmp, BlockNode.PathOf(blocks, volume.Device), shim, ct);
            // One may have begun since; if so, the caller takes the shim away again.
            Refuse(await ForeignJobAsync(qmp, ct));
        }
        await MoveMapsAsync(qmp, from: await BelowAsync(qmp, shim, ct), to: shim, ct);
    }

    /// <summary>The device is at libvirt's node again, and the maps too. No mirror is there.</summary>
    private async Task TakeShimAsync(QmpClient qmp, CancellationToken ct)
    {
        if (ShimName is not { } shim) return;
        var blocks = await qmp.ExecuteAsync("query-block", null, ct);
        var top = BlockNode.TopOf(blocks, volume.Device);
        if (top == shim)
        {
            var below = await BelowAsync(qmp, shim, ct);
            await MoveMapsAsync(qmp, shim, below, ct);
            await SetDriveAsync(qmp, BlockNode.PathOf(blocks, volume.Device), below, ct);
        }
        if (await BlockLook.NodeAsync(qmp, shim, ct) is null) return;
        await DeleteAsync(qmp, shim, ct);
        if (top is null) await CloseUnusedAsync(qmp, ct);
    }

    // libvirt's attempt to close the nodes of a disk that it took out failed, since the shim was above them. They are
    // closed for it, or its volume stays in use. Commands of ours and those of one call of libvirt's take turns, so
    // none of them is half way to being used; what is used is refused, and what is below another until that is gone.
    private static async Task CloseUnusedAsync(QmpClient qmp, CancellationToken ct)
    {
        var left = (await BlockLook.NodesAsync(qmp, n => n.GetProperty("node-name").GetString()!, ct))
            .Where(n => LibvirtNode().IsMatch(n)).ToList();
        for (var before = 0; before != left.Count;)
        {
            before = left.Count;
            foreach (var name in left.ToList())
                if (await IsDeletedAsync(qmp, name, ct)) left.Remove(name);
        }
    }

    private static async Task<string?> ForeignJobAsync(QmpClient qmp, CancellationToken ct) =>
        (await qmp.ListAsync("query-block-jobs", null, j => j.GetProperty("device").GetString()!, ct))
            .Find(j => !j.StartsWith(TapNames.Prefix, StringComparison.Ordinal));

    // A copy or a commit of libvirt's has a filter of its own at the device, which a shim would take out of the guest's
    // way. It is libvirt's turn: the maps at its node record meanwhile.
    private void Refuse(string? foreign)
    {
        if (foreign is not null)
            throw new TapException(TapFault.Refused,
                $"{volume.Name}: libvirt is at work on a disk of this domain (job {foreign})");
    }

    private async Task AddShimAsync(QmpClient qmp, string shim, string below, CancellationToken ct)
    {
        var objects = await qmp.ExecuteAsync("qom-list", new JsonObject { ["path"] = "/objects" }, ct);
        if (!objects.EnumerateArray().Any(o => o.GetProperty("name").ValueEquals(ShimGroup)))
            await qmp.ExecuteAsync("object-add",
                new JsonObject { ["qom-type"] = "throttle-group", ["id"] = ShimGroup }, ct);
        await qmp.ExecuteAsync("blockdev-add", new JsonObject
        {
            ["driver"] = "throttle",
            ["node-name"] = shim,
            ["throttle-group"] = ShimGroup,
            ["file"] = below,
        }, ct);
        await RecordAlsoAsync(qmp, below, shim, ct);
    }

    // Before the device changes over: no write passes without a map that records.
    private static async Task RecordAlsoAsync(QmpClient qmp, string from, string to, CancellationToken ct)
    {
        var actions = new JsonArray();
        var there = await BlockLook.MapsAsync(qmp, to, ct);
        var maps = (await BlockLook.MapsAsync(qmp, from, ct)).Where(TapNames.IsOurs).ToList();
        foreach (var line in maps.GroupBy(m => TapNames.LineOf(m.Name)).Where(l => l.Any(m => m.Recording)))
        {
            if (there.Any(m => m.Recording && TapNames.LineOf(m.Name) == line.Key)) continue;
            var next = maps.Concat(there).Where(m => m.Name.StartsWith(line.Key, StringComparison.Ordinal))
                .Max(m => TapNames.NumberOf(m.Name)) + 1;
            actions.Add(AddMap(to, TapNames.Map(line.Key, next), line.Max(m => m.Granularity), disabled: false));
            foreach (var end in (string[])[from, to])
                actions.Add(AddMap(end, TapNames.MovingMarker(line.Key, next), MarkerGranularity, disabled: true));
        }
        if (actions.Count > 0) await qmp.ExecuteAsync("transaction", new JsonObject { ["actions"] = actions }, ct);
    }

    private static async Task MoveMapsAsync(QmpClient qmp, string from, string to, CancellationToken ct)
    {
        await RecordAlsoAsync(qmp, from, to, ct);
        var there = (await BlockLook.MapsAsync(qmp, to, ct)).Select(m => m.Name).ToHashSet();
        var maps = (await BlockLook.MapsAsync(qmp, from, ct)).Where(TapNames.IsOurs).ToList();
        // One that is at one end only is of a way to somewhere else, on which maps were left: it goes with the others.
        var ending = maps.Where(m => TapNames.IsMovingMarker(m.Name) && there.Contains(m.Name)).ToList();
        foreach (var map in maps.Except(ending))
        {
            if (there.Add(map.Name))
                await qmp.ExecuteAsync("transaction", new JsonObject
                {
                    ["actions"] = new JsonArray(AddMap(to, map.Name, map.Granularity, disabled: true)),
                }, ct);
            await qmp.ExecuteAsync("block-dirty-bitmap-merge", new JsonObject
            {
                ["node"] = to,
                ["target"] = map.Name,
                ["bitmaps"] = new JsonArray(new JsonObject { ["node"] = from, ["name"] = map.Name }),
            }, ct);
            await RemoveMapAsync(qmp, from, map.Name, ct);
        }
        foreach (var marker in ending)
        {
            await RemoveMapAsync(qmp, from, marker.Name, ct);
            await RemoveMapAsync(qmp, to, marker.Name, ct);
        }
    }

    private static async Task<string> BelowAsync(QmpClient qmp, string shim, CancellationToken ct)
    {
        var stats = await qmp.ExecuteAsync("query-blockstats", null, ct);
        foreach (var entry in stats.EnumerateArray())
            if (entry.TryGetProperty("node-name", out var name) && name.ValueEquals(shim))
                return entry.GetProperty("parent").GetProperty("node-name").GetString()!; // QEMU's word for its child
        throw new TapException(TapFault.Refused, $"QEMU does not say what is below {shim}");
    }

    private static Task DeleteAsync(QmpClient qmp, string node, CancellationToken ct) =>
        qmp.ExecuteAsync("blockdev-del", new JsonObject { ["node-name"] = node }, ct);

    private static async Task<bool> IsDeletedAsync(QmpClient qmp, string node, CancellationToken ct)
    {
        try
        {
            await DeleteAsync(qmp, node, ct);
            return true;
        }
        catch (QmpException e) when (e.Fault == QmpFault.Refused)
        {
            return false;
        }
    }

    [GeneratedRegex(@"^libvirt-\d+-(format|storage)$")]
    private static partial Regex LibvirtNode();
}
