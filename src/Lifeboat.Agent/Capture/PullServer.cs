// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Lifeboat.Qemu;

namespace Lifeboat.Agent.Capture;

// QEMU has one NBD server per process, and others want it too (backups, storage migration): it is started when the
// first disk of the instance is to be read and stopped after the last. Called within conversations only, so there is
// no race between two disks of one instance.
internal sealed class PullServer(string socketPath)
{
    // One for each disk of the instance while its gap is open: those that are too many would never be answered.
    private const int ConnectionsMax = 4096;
    private static readonly TimeSpan DeleteLimit = TimeSpan.FromSeconds(10);

    public string SocketPath => socketPath;

    /// <summary>Exports a node read-only, with a disabled bitmap as meta context when named.</summary>
    /// <param name="bitmapNode">Where the bitmap is; null: at the node itself.</param>
    public async Task ExportAsync(QmpClient qmp, string export, string node, string? bitmap, CancellationToken ct,
        string? bitmapNode = null)
    {
        // It listens already when another disk is being read, or when an agent died while it read one.
        if (!await ListensAsync(ct)) await StartAsync(qmp, ct);
        var arguments = new JsonObject
        {
            ["id"] = export, ["type"] = "nbd", ["node-name"] = node, ["name"] = export, ["writable"] = false,
        };
        if (bitmap is not null)
            arguments["bitmaps"] = new JsonArray(bitmapNode is null
                ? bitmap : new JsonObject { ["node"] = bitmapNode, ["name"] = bitmap });
        await qmp.ExecuteAsync("block-export-add", arguments, ct);
    }

    /// <summary>Ends an export and, when it was the last, the server. What is not there is fine.</summary>
    public async Task WithdrawAsync(QmpClient qmp, string export, CancellationToken ct)
    {
        var exports = await ExportsAsync(qmp, ct);
        if (exports.Remove(export)) await DeleteAsync(qmp, export, ct);
        // Only a server of ours listens here; somebody else's is left alone.
        if (exports.Count == 0 && await ListensAsync(ct)) await qmp.ExecuteAsync("nbd-server-stop", null, ct);
    }

    private async Task StartAsync(QmpClient qmp, CancellationToken ct)
    {
        var address = new JsonObject { ["type"] = "unix", ["data"] = new JsonObject { ["path"] = socketPath } };
        await qmp.ExecuteAsync("nbd-server-start",
            new JsonObject { ["addr"] = address, ["max-connections"] = ConnectionsMax }, ct);
    }

    private static async Task DeleteAsync(QmpClient qmp, string export, CancellationToken ct)
    {
        using var events = qmp.Subscribe();
        await qmp.ExecuteAsync("block-export-del", new JsonObject { ["id"] = export, ["mode"] = "hard" }, ct);
        if (!(await ExportsAsync(qmp, ct)).Contains(export)) return;
        await events.WaitAsync(
            e => e.Name == "BLOCK_EXPORT_DELETED" && e.Data.GetProperty("id").GetString() == export, DeleteLimit, ct);
    }

    private static async Task<HashSet<string>> ExportsAsync(QmpClient qmp, CancellationToken ct) =>
    [
        .. (await qmp.ExecuteAsync("query-block-exports", null, ct)).EnumerateArray()
            .Select(e => e.GetProperty("id").GetString()!),
    ];

    private async Task<bool> ListensAsync(CancellationToken ct)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), ct);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
