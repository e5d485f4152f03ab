// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Qemu.Ceph;
using Lifeboat.Replication.Replicas;
using Lifeboat.Volumes.Files;

namespace Lifeboat.Volumes.Qemu.Rbd;

// Making one:  mark volume.rbd.new, durable -> image, its seed -> mark renamed to volume.rbd
// Removing:    mark renamed to volume.rbd.new -> image removed -> mark removed
//
// Invariants
//   An image of ours is named by a mark from before it is made until after it is removed, so none is forgotten in the
//   pool. A name is used once, so two sites that share a pool never meet, and what a mark names is always its own.
//   A mark whose image is gone is an error and never an image of zeroes.
//   Every image has an exclusive lock: the OSDs refuse what a dead daemon still had under way once the next one writes.
/// <summary>Images in a pool of a Ceph cluster.</summary>
internal sealed class RbdImages(string root, RbdPool? pool, TimeProvider time) : IQemuImages
{
    // A large image takes its time to be removed, object by object.
    private static readonly TimeSpan RemoveLimit = TimeSpan.FromMinutes(10);
    // OSDs believe in a dead client for 30 s.
    private static readonly TimeSpan BusyLimit = TimeSpan.FromSeconds(45);
    private readonly CephTools? _tools = pool is null ? null : new CephTools(pool.Access, time);

    public TimeSpan? AnswerLimit => TimeSpan.FromMinutes(1);

    public string MarkOf(BaseImageSpec spec) => Path.Combine(root, spec.Group, "base", spec.Volume + ".rbd");

    public string NameOf(BaseImageSpec spec) => $"image {Marked(spec)}";

    public IEnumerable<string> MarksOf(string group)
    {
        var directory = Path.Combine(root, group, "base");
        return Directory.Exists(directory) ? Directory.GetFiles(directory, "*.rbd") : [];
    }

    public async Task CreateAsync(BaseImageSpec spec, string? seed, CancellationToken ct)
    {
        var tools = Tools();
        var mark = MarkOf(spec);
        Directory.CreateDirectory(Path.GetDirectoryName(mark)!);
        await RemoveMarkedAsync(mark + ".new", ct);
        var random = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));
        var image = new RbdMark(pool!.Pool, pool.Namespace, $"lifeboat-{spec.Group}-{spec.Volume}-{random}");
        image.Write(mark + ".new");
        await RunAsync(tools,
        [
            "create", "--size", Bytes(spec.SizeBytes), .. image.Arguments,
            "--image-feature", "layering,exclusive-lock,object-map,fast-diff",
        ], null, ct);
        if (seed is not null)
            await QemuImg.RunAsync(["convert", "-q", "-n", "--target-is-zero", "-f", "raw", "--target-image-opts", seed,
                TargetOf(image, tools.Access)], ct);
        File.Move(mark + ".new", mark);
        Posix.SyncDirectoryOf(mark);
    }

    // The tool asks first: QEMU would wait for minutes for a cluster that is not there, and does not say which.
    public async Task<JsonObject> NodeAsync(BaseImageSpec spec, CancellationToken ct)
    {
        var tools = Tools();
        var image = Marked(spec);
        await RunAsync(tools, ["info", .. image.Arguments, "--format", "json"], null, ct);
        return new JsonObject
        {
            ["driver"] = "raw", ["discard"] = "unmap", ["file"] = NodeOf(image, tools.Access),
        };
    }

    public Task GrowAsync(BaseImageSpec spec, long sizeBytes, CancellationToken ct) => RunAsync(Tools(),
        ["resize", "--no-progress", "--size", Bytes(sizeBytes), .. Marked(spec).Arguments], null, ct);

    public async Task DeleteAsync(BaseImageSpec spec, CancellationToken ct)
    {
        await DeleteMarkAsync(MarkOf(spec), ct);
        await RemoveMarkedAsync(MarkOf(spec) + ".new", ct);
    }

    public async Task DeleteGroupAsync(string group, CancellationToken ct)
    {
        var directory = Path.Combine(root, group, "base");
        if (!Directory.Exists(directory)) return;
        foreach (var mark in MarksOf(group)) await DeleteMarkAsync(mark, ct);
        foreach (var half in Directory.GetFiles(directory, "*.rbd.new")) await RemoveMarkedAsync(half, ct);
    }

    public async Task<long?> FreeBytesAsync(CancellationToken ct)
    {
        var tools = Tools();
        var told = await TranslateAsync(() => tools.CephAsync(["df", "--format", "json"], ct));
        using var read = JsonDocument.Parse(told);
        foreach (var candidate in read.RootElement.GetProperty("pools").EnumerateArray())
            if (candidate.GetProperty("name").GetString() == pool!.Pool)
                return candidate.GetProperty("stats").GetProperty("max_avail").GetInt64();
        throw Unavailable(NoPool());
    }

    /// <summary>The image as QEMU's `rbd` driver is told of it.</summary>
    internal static JsonObject NodeOf(RbdMark image, CephAccess access)
    {
        var node = new JsonObject
        {
            ["driver"] = "rbd", ["pool"] = image.Pool, ["image"] = image.Image,
            ["conf"] = access.ConfigurationFile, ["user"] = access.User,
        };
        if (image.Namespace is { } space) node["namespace"] = space;
        return node;
    }

    private static string TargetOf(RbdMark image, CephAccess access) => "driver=raw," + string.Join(',',
        NodeOf(image, access).Select(p => $"file.{p.Key}={Escape(p.Value!.ToString())}"));

    private async Task DeleteMarkAsync(string mark, CancellationToken ct)
    {
        if (!File.Exists(mark)) return;
        await RemoveMarkedAsync(mark + ".new", ct);
        File.Move(mark, mark + ".new");
        Posix.SyncDirectoryOf(mark);
        await RemoveMarkedAsync(mark + ".new", ct);
    }

    private async Task RemoveMarkedAsync(string half, CancellationToken ct)
    {
        if (!File.Exists(half)) return;
        if (RbdMark.TryRead(half) is { } image) await RemoveAsync(image, ct);
        File.Delete(half);
        Posix.SyncDirectoryOf(half);
    }

    private async Task RemoveAsync(RbdMark image, CancellationToken ct)
    {
        var tools = Tools();
        var started = time.GetTimestamp();
        while (true)
        {
            try
            {
                await tools.RbdAsync(["rm", "--no-progress", .. image.Arguments], RemoveLimit, ct);
                return;
            }
            catch (CephException e) when (e.Fault == CephFault.NotFound)
            {
                return;
            }
            catch (CephException e) when (e.Fault == CephFault.Busy && time.GetElapsedTime(started) < BusyLimit)
            {
                await Task.Delay(TimeSpan.FromSeconds(1), time, ct);
            }
            catch (CephException e)
            {
                throw Unavailable($"{image} cannot be removed: {e.Message}", e);
            }
        }
    }

    private Task<string> RunAsync(CephTools tools, string[] arguments, TimeSpan? limit, CancellationToken ct) =>
        TranslateAsync(() => tools.RbdAsync(arguments, limit, ct));

    private async Task<string> TranslateAsync(Func<Task<string>> run)
    {
        try
        {
            return await run();
        }
        catch (CephException e)
        {
            throw e.Fault switch
            {
                CephFault.Full => new ReplicaStoreException(ReplicaStoreFault.Full, e.Message, e),
                CephFault.NotFound when e.Message.Contains("opening pool", StringComparison.Ordinal) =>
                    Unavailable($"{NoPool()} ({e.Message})", e),
                CephFault.NotFound or CephFault.Unreachable or CephFault.Exists or CephFault.Busy
                    or CephFault.Refused => Unavailable(e.Message, e),
            };
        }
    }

    private string NoPool() => $"there is no pool '{pool!.Pool}': make it with `ceph osd pool create {pool.Pool}` and "
        + $"`rbd pool init {pool.Pool}`, or name another one as rbd.pool in site.json";

    private CephTools Tools() => _tools ?? throw Unavailable(
        "a base image is in a Ceph cluster, and site.json has no \"rbd\" that says how it is reached");

    private RbdMark Marked(BaseImageSpec spec) => RbdMark.TryRead(MarkOf(spec))
        ?? throw Unavailable($"{MarkOf(spec)} does not say which image it is of");

    private static ReplicaStoreException Unavailable(string message, Exception? cause = null) =>
        new(ReplicaStoreFault.Unavailable, message, cause);

    private static string Escape(string text) => text.Replace(",", ",,", StringComparison.Ordinal);

    private static string Bytes(long bytes) => bytes.ToString(CultureInfo.InvariantCulture) + "B";
}
