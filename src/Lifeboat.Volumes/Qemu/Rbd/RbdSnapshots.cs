// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Journaling.Storage;
using Lifeboat.Qemu.Ceph;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Moments.Snapshots;

namespace Lifeboat.Volumes.Qemu.Rbd;

/// <summary>
/// Snapshots of RBD images that instances run on. The librbd in QEMU makes them, asked by way of the image, so they
/// hold what the guest has written into its cache.
/// </summary>
/// <param name="locate">Where the disks of all volumes are now. Failures are <see cref="TapException"/>.</param>
/// <param name="noted">Where they were seen last, be their instance gone for good; of the others nothing.</param>
/// <param name="hold">
/// Runs what it is given while no instance writes, and fails when one may have. Several images have no moment in common
/// without it: a group snapshot of Ceph's (16.2) cannot be compared with another one.
/// </param>
/// <param name="rest">As <see cref="IDiskSnapshots.RestMarkAsync"/>.</param>
/// <param name="place">What sockets and pid files of daemons begin with; short.</param>
public sealed class RbdSnapshots(IReadOnlyList<ushort> volumes,
    Func<CancellationToken, Task<IReadOnlyList<RbdDisk>>> locate,
    Func<CancellationToken, Task<IReadOnlyList<RbdDisk>>> noted,
    Func<Func<CancellationToken, Task>, CancellationToken, Task> hold, Func<CancellationToken, Task<string?>> rest,
    string place, TimeProvider time) : IDiskSnapshots
{
    // Listing a difference reads the metadata of each object: a terabyte takes a minute.
    private static readonly TimeSpan DiffLimit = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan RemoveLimit = TimeSpan.FromMinutes(10);
    private IReadOnlyList<RbdDisk>? _disks;

    public IReadOnlyList<ushort> Volumes => volumes;

    public Task<string?> RestMarkAsync(CancellationToken ct) => rest(ct);

    /// <summary>Fails when somebody has one of them open, on whichever host.</summary>
    /// <exception cref="TapException">Refused: who has it; or the cluster cannot be asked.</exception>
    public static async Task NobodyHasAsync(IEnumerable<RbdDisk> disks, TimeProvider time, CancellationToken ct)
    {
        foreach (var disk in disks)
        {
            var told = await RunAsync(disk, null, d => ["status", "--format", "json", .. d], time, ct);
            using var read = JsonDocument.Parse(told);
            if (read.RootElement.GetProperty("watchers").EnumerateArray().FirstOrDefault() is
                { ValueKind: JsonValueKind.Object } who)
                throw new TapException(TapFault.Refused, $"{MarkOf(disk)} is open at "
                    + $"{who.GetProperty("address").GetString()}: its instance is not shut down");
        }
    }

    public async Task<IReadOnlyList<string>> ListAsync(ushort volume, CancellationToken ct)
    {
        var disk = await DiskAsync(volume, ct);
        try
        {
            return await NamesAsync(disk, ImageOf(disk), ct);
        }
        catch (TapException e) when (e.Fault is TapFault.DiskNotFound)
        {
            var left = new List<string>();
            foreach (var deleted in await DeletedAsync(disk, ct)) left.AddRange(await NamesAsync(disk, deleted, ct));
            return left;
        }
    }

    public async Task<DateTimeOffset> TakeAsync(string name, CancellationToken ct)
    {
        // An image that another disk took the place of must not be taken for it.
        _disks = await locate(ct);
        var at = time.GetUtcNow();
        if (_disks.Count == 1) await SnapAsync(_disks[0], ct);
        else await hold(SnapAllAsync, ct);
        return at;

        Task SnapAllAsync(CancellationToken t)
        {
            at = time.GetUtcNow();
            return Task.WhenAll(_disks.Select(d => SnapAsync(d, t)));
        }

        Task SnapAsync(RbdDisk disk, CancellationToken t) =>
            RunAsync(disk, null, d => ["snap", "create", "--no-progress", .. d, "--snap", name], t);
    }

    public async Task RenameAsync(ushort volume, string from, string to, CancellationToken ct)
    {
        var disk = await DiskAsync(volume, ct);
        await RunAsync(disk, null, d => ["snap", "rename", .. d, "--snap", from, .. Destination(disk, to)], ct);
    }

    public async Task RemoveAsync(ushort volume, string name, CancellationToken ct)
    {
        var disk = await DiskAsync(volume, ct);
        if (await TryRemoveAsync(disk, ImageOf(disk), name, ct)) return;
        foreach (var deleted in await DeletedAsync(disk, ct)) await TryRemoveAsync(disk, deleted, name, ct);
    }

    public async Task<IReadOnlyList<GapExtent>> DiffAsync(
        ushort volume, string? from, string to, CancellationToken ct)
    {
        var disk = await DiskAsync(volume, ct);
        string[] since = from is null ? [] : ["--from-snap", from];
        var told = await RunAsync(disk, DiffLimit,
            d => ["diff", "--format", "json", .. d, "--snap", to, .. since], ct);
        using var read = JsonDocument.Parse(told);
        return [.. read.RootElement.EnumerateArray().Select(e => new GapExtent(e.GetProperty("offset").GetInt64(),
            e.GetProperty("length").GetInt64(), e.GetProperty("exists").GetString() != "true"))];
    }

    public async Task<ISnapshotImage> OpenAsync(ushort volume, string name, CancellationToken ct)
    {
        var disk = await DiskAsync(volume, ct);
        var node = RbdImages.NodeOf(MarkOf(disk), disk.Access);
        node["snapshot"] = name;
        node["node-name"] = StorageDaemon.Export;
        node["read-only"] = true;
        try
        {
            var (daemon, client) = await StorageDaemon.StartAsync(
                node.ToJsonString(), $"{place}{volume}", writable: false, time, ct);
            return new RbdSnapshotImage($"{MarkOf(disk)}@{name}", daemon, client);
        }
        catch (StorageException e)
        {
            throw new TapException(TapFault.Refused, $"{MarkOf(disk)}@{name} cannot be opened: {e.Message}", e);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    // An instance that is gone takes none of its images with it: what is left to do with them goes on.
    private async Task<RbdDisk> DiskAsync(ushort volume, CancellationToken ct)
    {
        try
        {
            _disks = await locate(ct);
        }
        catch (TapException)
        {
            // Where they were.
            _disks ??= await noted(ct);
            if (_disks.All(d => d.Volume != volume)) throw;
        }
        return _disks.FirstOrDefault(d => d.Volume == volume)
            ?? throw new TapException(TapFault.DiskNotFound, $"volume {volume} is not among the disks");
    }

    // Cinder deletes an image that has snapshots into the trash, where they keep its data.
    /// <returns>Arguments that name them.</returns>
    private async Task<IReadOnlyList<string[]>> DeletedAsync(RbdDisk disk, CancellationToken ct)
    {
        string[] pool = ["--pool", disk.Pool, .. disk.Namespace is { } space ? ["--namespace", space] : (string[])[]];
        var told = await RunAsync(disk, null, _ => ["trash", "ls", "--format", "json", .. pool], ct);
        using var read = JsonDocument.Parse(told);
        return [.. read.RootElement.EnumerateArray().Where(i => i.GetProperty("name").GetString() == disk.Image)
            .Select(i => (string[])[.. pool, "--image-id", i.GetProperty("id").GetString()!])];
    }

    private async Task<IReadOnlyList<string>> NamesAsync(RbdDisk disk, string[] image, CancellationToken ct)
    {
        var told = await RunAsync(disk, null, _ => ["snap", "ls", "--format", "json", .. image], ct);
        using var read = JsonDocument.Parse(told);
        return [.. read.RootElement.EnumerateArray().Select(s => s.GetProperty("name").GetString()!)];
    }

    /// <returns>False: it is not there.</returns>
    private async Task<bool> TryRemoveAsync(RbdDisk disk, string[] image, string name, CancellationToken ct)
    {
        try
        {
            await RunAsync(disk, RemoveLimit, _ => ["snap", "rm", "--no-progress", .. image, "--snap", name], ct);
            return true;
        }
        catch (TapException e) when (e.Fault is TapFault.DiskNotFound)
        {
            return false;
        }
    }

    private Task<string> RunAsync(
        RbdDisk disk, TimeSpan? limit, Func<string[], string[]> arguments, CancellationToken ct) =>
        RunAsync(disk, limit, arguments, time, ct);

    private static async Task<string> RunAsync(RbdDisk disk, TimeSpan? limit, Func<string[], string[]> arguments,
        TimeProvider time, CancellationToken ct)
    {
        try
        {
            return await new CephTools(disk.Access, time).RbdAsync(arguments(ImageOf(disk)), limit, ct);
        }
        catch (CephException e)
        {
            throw Failed(e);
        }
    }

    private static TapException Failed(CephException e) => new(e.Fault switch
    {
        CephFault.Unreachable => TapFault.MonitorUnreachable,
        CephFault.NotFound => TapFault.DiskNotFound,
        CephFault.Exists or CephFault.Busy or CephFault.Full or CephFault.Refused => TapFault.Refused,
    }, e.Message, e);

    private static RbdMark MarkOf(RbdDisk disk) => new(disk.Pool, disk.Namespace, disk.Image);

    private static string[] ImageOf(RbdDisk disk) => MarkOf(disk).Arguments;

    private static string[] Destination(RbdDisk disk, string snapshot) => disk.Namespace is { } space
        ? ["--dest-pool", disk.Pool, "--dest-namespace", space, "--dest", disk.Image, "--dest-snap", snapshot]
        : ["--dest-pool", disk.Pool, "--dest", disk.Image, "--dest-snap", snapshot];
}
