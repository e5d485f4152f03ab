// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Agent.Processes;
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture;

// A disk that is taken out of its instance (device_del). Its node may stay, with our maps, or go. A map that begins
// before the look for the device tells later whether anything was written since: it is of this tap's memory alone.
internal sealed partial class QmpDiskTap
{
    private string? _restNode, _restMap;
    private ProcessIdentity? _restQemu;

    public async Task<DiskPresence> PresenceAsync(CancellationToken ct)
    {
        try
        {
            return await monitor.TalkAsync(qmp => PresenceAsync(qmp, ct), ct);
        }
        catch (TapException e) when (e.InnerException is QmpException { Fault: QmpFault.Unreachable })
        {
            return DiskPresence.NobodyThere;
        }
    }

    private async Task<DiskPresence> PresenceAsync(QmpClient qmp, CancellationToken ct)
    {
        if (BlockNode.TopOf(await qmp.ExecuteAsync("query-block", null, ct), volume.Device) is not null)
            return DiskPresence.Plugged;
        if (_restNode is not { } node || ProcessIdentity.Find(qmp.ProcessId) != _restQemu) return DiskPresence.Doubtful;
        // Without the node nobody in this QEMU can have written to the disk but through another one.
        if (await BlockLook.NodeAsync(qmp, node, ct) is null) return DiskPresence.Unplugged;
        var map = (await BlockLook.MapsAsync(qmp, node, ct)).FirstOrDefault(m => m.Name == _restMap);
        return map is { DirtyBytes: 0 } ? DiskPresence.Unplugged : DiskPresence.Doubtful;
    }

    private async Task<bool> IsUnpluggedAsync(QmpClient qmp, Attachment attachment, CancellationToken ct)
    {
        var prefix = TapNames.MapPrefix(attachment.Replica);
        var maps = (await BlockLook.MapsAsync(qmp, attachment.Node, ct))
            .Where(m => m.Name.StartsWith(prefix, StringComparison.Ordinal)).ToList();
        var number = maps.Select(m => TapNames.NumberOf(m.Name)).Append(attachment.Number).Max() + 1;
        var map = TapNames.Map(attachment.Replica, number);
        // Another one beside those that record: each goes on telling what it is for.
        await qmp.ExecuteAsync("transaction", new JsonObject
        {
            ["actions"] = new JsonArray(AddMap(attachment.Node, map, MapGranularity, disabled: false)),
        }, ct);
        if (BlockNode.TopOf(await qmp.ExecuteAsync("query-block", null, ct), volume.Device) is not null) return false;
        if (!await IsIntactAsync(qmp, attachment, ct)) return false;
        (_restNode, _restMap, _restQemu) = (attachment.Node, map, ProcessIdentity.Find(qmp.ProcessId));
        return true;
    }
}
