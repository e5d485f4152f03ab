// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Qemu;

namespace Lifeboat.Sites.Qemu.Instances;

// What is said to the two QEMU processes of a live migration. Capture is over before: a mirror job would be in the way
// when the disks change hands (QEMU fails the migration then), and its change maps must not be changed while they go.
internal sealed class LiveMove(InstanceRecord there, InstanceStore store, QemuSiteOptions options, TimeProvider time)
{
    // Whatever an agent has in a QEMU process begins so.
    private const string Ours = "lifeboat-";
    private const long BytesPerSecond = 4L << 30; // over a unix socket: what the host can do
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan GreetingLimit = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan JobEndLimit = TimeSpan.FromSeconds(10);
    private static readonly string[] Over = ["none", "completed", "failed", "cancelled"];

    private string Socket => Path.Combine(store.Folder(there).Seat, "migrate.sock");

    /// <summary>
    /// An agent that let go has left nothing but change maps. Of one that is gone the mirrors are ended here. One that
    /// hangs still has them: QEMU would wait for it, and the guest with it, so nothing is touched then.
    /// </summary>
    /// <param name="ended">Hears of each that was there.</param>
    /// <exception cref="SiteException">
    /// Refused: an agent hangs; a job of somebody else uses a disk, or one of ours does not end.
    /// </exception>
    public Task EndCaptureAsync(string monitor, Action<string> ended, CancellationToken ct) =>
        TalkAsync(monitor, async qmp =>
        {
            var targets = (await NodesAsync(qmp, ct)).Where(n => n.Driver == "nbd" && IsOurs(n.Name)).ToList();
            foreach (var target in targets)
            {
                if (await HangsAsync(target.Socket, ct))
                    throw new SiteException(SiteFault.Refused, $"{there.Name}: the agent behind {target.Socket} hangs "
                        + "and its watchdog does not end it; end it by hand, then move the instance");
                ended(target.Name);
            }
            foreach (var job in await JobsAsync(qmp, ct))
            {
                if (!IsOurs(job))
                    throw new SiteException(SiteFault.Refused,
                        $"{there.Name}: the block job {job} is at work; it must end before the instance can be moved");
                await EndJobAsync(qmp, job, ct);
            }
            foreach (var export in (await qmp.ExecuteAsync("query-block-exports", null, ct)).EnumerateArray()
                .Select(e => e.GetProperty("id").GetString()!).Where(IsOurs))
                await TryAsync(qmp.ExecuteAsync("block-export-del",
                    new JsonObject { ["id"] = export, ["mode"] = "hard" }, ct));
            foreach (var target in targets)
                await TryAsync(qmp.ExecuteAsync("blockdev-del", new JsonObject { ["node-name"] = target.Name }, ct));
        }, ct);

    /// <summary>Returns when everything is there; the guest has stopped here and does not run there yet.</summary>
    /// <exception cref="SiteException">Refused with QEMU's words, Timeout.</exception>
    public async Task SendAsync(string monitor, CancellationToken ct)
    {
        var maps = await TalkAsync(monitor, qmp => MapsAsync(qmp, ct), ct);
        var abilities = Abilities(maps.Count > 0);
        await TalkAsync(store.Folder(there).SiteQmp, async qmp =>
        {
            await qmp.ExecuteAsync("migrate-set-capabilities", abilities(), ct);
            await qmp.ExecuteAsync("migrate-incoming", new JsonObject { ["uri"] = $"unix:{Socket}" }, ct);
        }, ct);
        await TalkAsync(monitor, async qmp =>
        {
            await qmp.ExecuteAsync("migrate-set-capabilities", abilities(), ct);
            var parameters = new JsonObject { ["max-bandwidth"] = BytesPerSecond };
            if (maps.Count > 0) parameters["block-bitmap-mapping"] = new JsonArray([.. maps]);
            await qmp.ExecuteAsync("migrate-set-parameters", parameters, ct);
            await qmp.ExecuteAsync("migrate", new JsonObject { ["uri"] = $"unix:{Socket}" }, ct);
        }, ct);
        var start = time.GetTimestamp();
        while (true)
        {
            var (state, error) = await TalkAsync(monitor, qmp => StateAsync(qmp, ct), ct);
            if (state == "completed") return;
            if (Over.Contains(state))
                throw new SiteException(SiteFault.Refused, $"{there.Name}: QEMU did not migrate it: {error ?? state}");
            if (time.GetElapsedTime(start) > options.MigrateLimit)
                throw new SiteException(SiteFault.Timeout,
                    $"{there.Name} was not migrated within {options.MigrateLimit}: it changes its memory too fast");
            await Task.Delay(Look, time, ct);
        }
    }

    /// <summary>A migration that is under way is cancelled, and its end awaited.</summary>
    public static async Task<bool> EndAsync(QmpClient qmp, TimeSpan limit, TimeProvider time, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        var (state, _) = await StateAsync(qmp, ct);
        if (!Over.Contains(state)) await qmp.ExecuteAsync("migrate_cancel", null, ct);
        while (!Over.Contains(state) && time.GetElapsedTime(start) < limit)
        {
            await Task.Delay(Look, time, ct);
            (state, _) = await StateAsync(qmp, ct);
        }
        return Over.Contains(state);
    }

    // The change maps of each disk, under the name that its node has in a process that was just started: a disk that
    // moved to native has another one here.
    private async Task<List<JsonNode>> MapsAsync(QmpClient qmp, CancellationToken ct)
    {
        var tops = await NativeMove.TopNodesAsync(qmp, ct);
        var nodes = await NodesAsync(qmp, ct);
        var found = new List<JsonNode>();
        foreach (var (disk, order) in there.Description.Disks.OrderBy(d => d.Order).Select((d, i) => (d, i)))
        {
            if (!tops.TryGetValue(there.Disk(disk.Name).Device, out var top)
                || nodes.Find(n => n.Name == top) is not { Maps.Count: > 0 } node) continue;
            found.Add(new JsonObject
            {
                ["node-name"] = node.Name,
                ["alias"] = BlockNodes.Top(order),
                ["bitmaps"] = new JsonArray([.. node.Maps.Select(m =>
                    (JsonNode)new JsonObject { ["name"] = m, ["alias"] = m })]),
            });
        }
        return found;
    }

    // The return path: it is over when the other side says that it has everything, not when all was sent.
    private static Func<JsonObject> Abilities(bool maps) => () => new JsonObject
    {
        ["capabilities"] = new JsonArray(
            Ability("return-path", true), Ability("dirty-bitmaps", maps)),
    };

    private static JsonObject Ability(string name, bool on) => new() { ["capability"] = name, ["state"] = on };

    // An NBD server speaks first. Where nobody listens any more nobody hangs.
    private async Task<bool> HangsAsync(string socketPath, CancellationToken ct)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using var late = new CancellationTokenSource(GreetingLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, late.Token);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), either.Token);
            await socket.ReceiveAsync(new byte[1], SocketFlags.None, either.Token);
            return false;
        }
        catch (SocketException)
        {
            return false;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return true;
        }
    }

    private static async Task<(string State, string? Error)> StateAsync(QmpClient qmp, CancellationToken ct)
    {
        var answer = await qmp.ExecuteAsync("query-migrate", null, ct);
        return (answer.TryGetProperty("status", out var status) ? status.GetString()! : "none",
            answer.TryGetProperty("error-desc", out var error) ? error.GetString() : null);
    }

    // Softly, as the agent does it: by force QEMU frees what a write still under way uses (decision 0012).
    private async Task EndJobAsync(QmpClient qmp, string job, CancellationToken ct)
    {
        await TryAsync(qmp.ExecuteAsync("block-job-resume", new JsonObject { ["device"] = job }, ct));
        await TryAsync(qmp.ExecuteAsync("block-job-cancel", new JsonObject { ["device"] = job }, ct));
        var start = time.GetTimestamp();
        while ((await JobsAsync(qmp, ct)).Contains(job))
        {
            if (time.GetElapsedTime(start) > JobEndLimit)
                throw new SiteException(SiteFault.Refused, $"{there.Name}: the block job {job} does not end");
            await Task.Delay(Look, time, ct);
        }
    }

    private static async Task<List<string>> JobsAsync(QmpClient qmp, CancellationToken ct) =>
    [
        .. (await qmp.ExecuteAsync("query-block-jobs", null, ct)).EnumerateArray()
            .Select(j => j.GetProperty("device").GetString()!),
    ];

    private static async Task<List<Node>> NodesAsync(QmpClient qmp, CancellationToken ct) =>
    [
        .. (await qmp.ExecuteAsync("query-named-block-nodes", new JsonObject { ["flat"] = true }, ct)).EnumerateArray()
            .Select(n => new Node(n.GetProperty("node-name").GetString()!, n.GetProperty("drv").GetString()!,
                n.TryGetProperty("dirty-bitmaps", out var maps)
                    ? [.. maps.EnumerateArray().Select(m => m.TryGetProperty("name", out var name)
                        ? name.GetString()! : "").Where(IsOurs)]
                    : [], SocketOf(n))),
    ];

    // `nbd+unix:///EXPORT?socket=PATH`; of a connection that was passed `json:{…}`, with the name that it was given,
    // which is the path that it leads to (0047).
    private static string SocketOf(JsonElement node)
    {
        const string key = "socket=", json = "json:";
        var file = node.TryGetProperty("file", out var text) ? text.GetString()! : "";
        if (file.StartsWith(json, StringComparison.Ordinal)
            && JsonNode.Parse(file[json.Length..])?["server.str"]?.GetValue<string>() is { } named) return named;
        var at = file.IndexOf(key, StringComparison.Ordinal);
        return at < 0 ? "" : Uri.UnescapeDataString(file[(at + key.Length)..]);
    }

    private static bool IsOurs(string name) => name.StartsWith(Ours, StringComparison.Ordinal);

    // What ended by itself just now refuses to be ended; what counts is what is there afterwards.
    private static async Task TryAsync(Task<JsonElement> command)
    {
        try
        {
            await command;
        }
        catch (QmpException e) when (e.Fault == QmpFault.Refused)
        {
        }
    }

    private Task TalkAsync(string monitor, Func<QmpClient, Task> talk, CancellationToken ct) =>
        TalkAsync(monitor, async qmp =>
        {
            await talk(qmp);
            return true;
        }, ct);

    private async Task<T> TalkAsync<T>(string monitor, Func<QmpClient, Task<T>> talk, CancellationToken ct)
    {
        try
        {
            await using var qmp = await QmpClient.ConnectAsync(monitor, QmpOptions.Default, time, ct);
            return await talk(qmp);
        }
        catch (QmpException e)
        {
            throw QemuSite.Translate(there.Name, e);
        }
    }

    private sealed record Node(string Name, string Driver, IReadOnlyList<string> Maps, string Socket);
}
