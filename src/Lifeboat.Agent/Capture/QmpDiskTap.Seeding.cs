// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Lifeboat.Nbd;
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture;

// An export of its own beside that of the gap, so that a seed is read whatever capture does meanwhile. It is QEMU's own
// read-only export of the disk: the guest goes on writing.
internal sealed partial class QmpDiskTap
{
    /// <exception cref="TapException">The instance cannot be reached, or has no such disk.</exception>
    public async Task<NbdClient> OpenSeedAsync(CancellationToken ct)
    {
        await monitor.TalkAsync(async qmp =>
        {
            await monitor.Pull.WithdrawAsync(qmp, _names.Seed, ct);
            await monitor.Pull.ExportAsync(qmp, _names.Seed, await DiskNodeAsync(qmp, ct), null, ct);
        }, ct);
        try
        {
            return await NbdClient.ConnectAsync(new UnixDomainSocketEndPoint(monitor.Pull.SocketPath),
                new NbdClientOptions
                {
                    Export = _names.Seed, MetaContexts = [NbdExtent.BaseAllocation], Time = time,
                }, ct);
        }
        catch (NbdException e)
        {
            throw Translate(e);
        }
    }

    /// <summary>Whether the guest's processors run: only then can it write.</summary>
    public Task<bool> InstanceRunsAsync(CancellationToken ct) => monitor.TalkAsync(
        async qmp => (await qmp.ExecuteAsync("query-status", null, ct)).GetProperty("running").GetBoolean(), ct);

    public Task CloseSeedAsync(CancellationToken ct) =>
        monitor.TalkAsync(qmp => monitor.Pull.WithdrawAsync(qmp, _names.Seed, ct), ct);

    // While it is mirrored the device's top node is the mirror's filter, which goes when the mirror ends.
    private async Task<string> DiskNodeAsync(QmpClient qmp, CancellationToken ct)
    {
        if (_attached is { } attached) return attached.Node;
        await DiskCheck.ThrowIfOtherAsync(qmp, volume, ct);
        var node = await BlockNode.FindAsync(qmp, volume.Device, ct);
        if (!node.Name.StartsWith(_names.DevicePrefix, StringComparison.Ordinal)) return node.Name;
        await CleanAsync(qmp, ct);
        return (await BlockNode.FindAsync(qmp, volume.Device, ct)).Name;
    }
}
