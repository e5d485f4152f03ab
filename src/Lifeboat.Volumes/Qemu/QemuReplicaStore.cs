// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text;
using Lifeboat.Nbd;
using Lifeboat.Replication.Replicas;
using Lifeboat.Volumes.Files;
using Lifeboat.Volumes.Qemu.Rbd;

namespace Lifeboat.Volumes.Qemu;

/// <summary>
/// Base images behind a qemu-storage-daemon each: qcow2 files `root/group/base/volume.qcow2`, or images in a pool of a
/// Ceph cluster. What is there is opened by what made it, which may be the File driver; so are target disks.
/// </summary>
/// <param name="sockets">Directory for sockets and pid files of daemons; its path must be short.</param>
/// <param name="makes">What new images are.</param>
/// <param name="pool">Where images of form Rbd are; null: none can be had.</param>
public sealed class QemuReplicaStore(string root, string sockets, TimeProvider time, BaseImageForm makes,
    RbdPool? pool = null) : IReplicaStore
{
    private readonly FileReplicaStore _files = new(root);
    private readonly Qcow2Images _qcow2 = new(root);
    private readonly RbdImages _rbd = new(root, pool, time);

    public async Task<IBaseImage> OpenAsync(BaseImageSpec spec, CancellationToken ct)
    {
        if (spec.TargetDisk is not null || File.Exists(RawOf(spec))) return await _files.OpenAsync(spec, ct);
        var images = All().FirstOrDefault(i => File.Exists(i.MarkOf(spec))) ?? Makes();
        if (images is null) return await _files.OpenAsync(spec, ct);
        if (!File.Exists(images.MarkOf(spec))) await CreateAsync(spec, images, ct);
        // A killed process may have named it and not lived to make the name durable.
        Posix.SyncDirectoryOf(images.MarkOf(spec));
        Directory.CreateDirectory(sockets);
        return await QemuBaseImage.OpenAsync(spec, images, t => StartAsync(spec, images, t), time, ct);
    }

    public async Task DeleteAsync(BaseImageSpec spec, CancellationToken ct)
    {
        await _files.DeleteAsync(spec, ct);
        await _files.DeleteAsync(SeedOf(spec), ct);
        foreach (var images in All())
        {
            await StorageDaemon.EndPredecessorAsync(PlaceOf(images.MarkOf(spec)), time);
            await images.DeleteAsync(spec, ct);
        }
    }

    /// <summary>
    /// Removes what a group has elsewhere than in its directory `root/group`, which the caller removes afterwards. Its
    /// images are not open.
    /// </summary>
    /// <exception cref="ReplicaStoreException">Unavailable: some of it may still be there; try again.</exception>
    public async Task DeleteGroupAsync(string group, CancellationToken ct)
    {
        foreach (var mark in _rbd.MarksOf(group)) await StorageDaemon.EndPredecessorAsync(PlaceOf(mark), time);
        foreach (var images in All()) await images.DeleteGroupAsync(group, ct);
    }

    /// <summary>Where the journals are and where new base images go: the less of both.</summary>
    public async Task<long> FreeBytesAsync(CancellationToken ct)
    {
        var free = await _files.FreeBytesAsync(ct);
        return Makes() is { } images && await images.FreeBytesAsync(ct) is { } there ? Math.Min(free, there) : free;
    }

    private IEnumerable<IQemuImages> All() => [_qcow2, _rbd];

    private IQemuImages? Makes() => makes switch
    {
        BaseImageForm.Raw => null,
        BaseImageForm.Qcow2 => _qcow2,
        BaseImageForm.Rbd => _rbd,
    };

    // A seed becomes a raw file first, by the code that knows all its forms.
    private async Task CreateAsync(BaseImageSpec spec, IQemuImages images, CancellationToken ct)
    {
        if (spec.SeedFile is null)
        {
            await images.CreateAsync(spec, null, ct);
            return;
        }
        await _files.DeleteAsync(SeedOf(spec), ct);
        await (await _files.OpenAsync(SeedOf(spec), ct)).DisposeAsync();
        await images.CreateAsync(spec, RawOf(SeedOf(spec)), ct);
        await _files.DeleteAsync(SeedOf(spec), ct);
    }

    private async Task<(StorageDaemon Daemon, NbdClient Client)> StartAsync(
        BaseImageSpec spec, IQemuImages images, CancellationToken ct)
    {
        var node = await images.NodeAsync(spec, ct);
        node["node-name"] = StorageDaemon.Export;
        return await StorageDaemon.StartAsync(node.ToJsonString(), PlaceOf(images.MarkOf(spec)), writable: true,
            time, ct);
    }

    private string PlaceOf(string mark) => Path.Combine(sockets, "base-"
        + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetFullPath(mark))))[..12]);

    private static BaseImageSpec SeedOf(BaseImageSpec spec) => spec with { Volume = spec.Volume + ".seed" };

    private string RawOf(BaseImageSpec spec) => Path.Combine(root, spec.Group, "base", spec.Volume + ".raw");
}
