// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture;

/// <summary>
/// What a QEMU says of all its disks: first the maps of its nodes, then what the devices use, then the jobs. What is
/// told of one disk by these in this order holds for each of them.
/// </summary>
internal sealed class BlockLook
{
    private readonly JsonElement _nodes;
    private readonly HashSet<string> _jobs;

    private BlockLook(JsonElement nodes, JsonElement devices, JsonElement jobs)
    {
        (_nodes, Devices) = (nodes, devices);
        _jobs = [.. jobs.EnumerateArray().Select(j => j.GetProperty("device").GetString()!)];
    }

    /// <summary>As `query-block` answers.</summary>
    public JsonElement Devices { get; }

    public static async Task<BlockLook> TakeAsync(QmpClient qmp, CancellationToken ct)
    {
        var nodes = await NodesAsync(qmp, ct);
        var devices = await qmp.ExecuteAsync("query-block", null, ct);
        return new BlockLook(nodes, devices, await qmp.ExecuteAsync("query-block-jobs", null, ct));
    }

    public static Task<JsonElement> NodesAsync(QmpClient qmp, CancellationToken ct) =>
        qmp.ExecuteAsync("query-named-block-nodes", new JsonObject { ["flat"] = true }, ct);

    public static JsonElement? Node(JsonElement nodes, string name)
    {
        foreach (var node in nodes.EnumerateArray())
            if (node.GetProperty("node-name").GetString() == name) return node;
        return null;
    }

    /// <exception cref="TapException">DiskNotFound: there is no such node.</exception>
    public static IReadOnlyList<DirtyBitmap> Maps(JsonElement nodes, string name)
    {
        if (Node(nodes, name) is not { } found)
            throw new TapException(TapFault.DiskNotFound, $"node {name} is gone");
        return found.TryGetProperty("dirty-bitmaps", out var maps)
            ? [.. maps.EnumerateArray().Select(DirtyBitmap.Read)]
            : [];
    }

    /// <exception cref="TapException">DiskNotFound: there is no such node.</exception>
    public IReadOnlyList<DirtyBitmap> MapsOf(string node) => Maps(_nodes, node);

    public bool HasJob(string job) => _jobs.Contains(job);
}
