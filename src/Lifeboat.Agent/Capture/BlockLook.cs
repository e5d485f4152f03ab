// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture;

/// <summary>
/// What a QEMU says of all its disks: first the maps of its nodes, then what the devices use, then the jobs. What is
/// told of one disk by these in this order holds for each of them. Every disk asks each second, and there may be
/// hundreds: what is asked for is kept by its name, and the answers themselves are not.
/// </summary>
internal sealed class BlockLook
{
    private readonly Dictionary<string, IReadOnlyList<DirtyBitmap>> _maps;
    private readonly Dictionary<string, string> _tops = [];
    private readonly HashSet<string> _jobs;

    private BlockLook(IEnumerable<(string Node, IReadOnlyList<DirtyBitmap> Maps)> nodes,
        IEnumerable<(string? Top, IReadOnlyList<string> Names)> devices, IEnumerable<string> jobs)
    {
        _maps = nodes.ToDictionary(n => n.Node, n => n.Maps);
        _jobs = [.. jobs];
        // Of several with a name it is the first.
        foreach (var (top, names) in devices)
            foreach (var name in names)
                if (top is not null) _tops.TryAdd(name, top);
    }

    public static async Task<BlockLook> TakeAsync(QmpClient qmp, CancellationToken ct)
    {
        var nodes = await NodesAsync(qmp, n => (n.GetProperty("node-name").GetString()!, MapsIn(n)), ct);
        var devices = await qmp.ListAsync("query-block", null, d =>
            (BlockNode.TopOf(d), (IReadOnlyList<string>)[.. BlockNode.NamesOf(d)]), ct);
        return new BlockLook(nodes, devices, await qmp.ListAsync(
            "query-block-jobs", null, j => j.GetProperty("device").GetString()!, ct));
    }

    /// <summary>What is made of each node.</summary>
    /// <exception cref="TapException">Refused: a stream is under way, so QEMU must not be asked.</exception>
    public static async Task<List<T>> NodesAsync<T>(
        QmpClient qmp, Func<JsonElement, T> read, CancellationToken ct)
    {
        await RefuseStreamsAsync(qmp, ct);
        return await qmp.ListAsync("query-named-block-nodes", new JsonObject { ["flat"] = true }, read, ct);
    }

    /// <summary>Null: there is no such node.</summary>
    public static async Task<JsonElement?> NodeAsync(QmpClient qmp, string name, CancellationToken ct) =>
        (await NodesAsync(qmp, n => n.GetProperty("node-name").ValueEquals(name) ? n : (JsonElement?)null, ct))
            .Find(n => n is not null);

    /// <exception cref="TapException">DiskNotFound: there is no such node.</exception>
    public static async Task<IReadOnlyList<DirtyBitmap>> MapsAsync(
        QmpClient qmp, string node, CancellationToken ct) =>
        await NodeAsync(qmp, node, ct) is { } found ? MapsIn(found) : throw Gone(node);

    /// <exception cref="TapException">DiskNotFound: there is no such node.</exception>
    public IReadOnlyList<DirtyBitmap> MapsOf(string node) => _maps.GetValueOrDefault(node) ?? throw Gone(node);

    /// <summary>The node that the device's requests go to first; null: there is no such device or no medium.</summary>
    public string? TopOf(string device) => _tops.GetValueOrDefault(device);

    public bool HasJob(string job) => _jobs.Contains(job);

    private static IReadOnlyList<DirtyBitmap> MapsIn(JsonElement node) =>
        node.TryGetProperty("dirty-bitmaps", out var maps) ? [.. maps.EnumerateArray().Select(DirtyBitmap.Read)] : [];

    // From the end of a block-stream until libvirt dismisses its job QEMU still lists the job's filter, with nothing
    // below it; who asks for the nodes then is answered by a segfault (decision 0061). When a stream ends is QEMU's to
    // say, so nobody asks from its beginning on.
    private static async Task RefuseStreamsAsync(QmpClient qmp, CancellationToken ct)
    {
        var streams = await qmp.ListAsync("query-block-jobs", null, j =>
            j.GetProperty("type").ValueEquals("stream") ? j.GetProperty("device").GetString() : null, ct);
        if (streams.Find(s => s is not null) is { } stream)
            throw new TapException(TapFault.Refused, $"QEMU cannot be asked for its nodes while {stream}, a stream "
                + "that is not ours, is listed");
    }

    private static TapException Gone(string node) => new(TapFault.DiskNotFound, $"node {node} is gone");
}
