// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Lifeboat.Journaling.Storage;
using Lifeboat.Replication.Replicas;
using Lifeboat.Volumes.Files;

namespace Lifeboat.Volumes.Qemu;

/// <summary>
/// Base images as qcow2 files `root/group/base/volume.qcow2`, each behind a qemu-storage-daemon. What the File driver
/// made stays with it, and so do target disks.
/// </summary>
/// <param name="makes">New images are qcow2; else the File driver makes them, and only what is there is opened.</param>
/// <param name="sockets">Directory for sockets and pid files of daemons; its path must be short.</param>
public sealed class QemuReplicaStore(string root, string sockets, TimeProvider time, bool makes = true)
    : IReplicaStore
{
    private readonly FileReplicaStore _files = new(root);

    public async Task<IBaseImage> OpenAsync(BaseImageSpec spec, CancellationToken ct)
    {
        var image = PathOf(spec, ".qcow2");
        if (spec.TargetDisk is not null || File.Exists(PathOf(spec, ".raw")) || (!makes && !File.Exists(image)))
            return await _files.OpenAsync(spec, ct);
        if (!File.Exists(image)) await CreateAsync(spec, image, ct);
        Sync(image);
        Directory.CreateDirectory(sockets);
        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetFullPath(image))))[..12];
        var node = new JsonObject
        {
            ["driver"] = "qcow2", ["node-name"] = StorageDaemon.Export, ["discard"] = "unmap",
            ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = image },
        };
        return await QemuBaseImage.OpenAsync(spec, image,
            t => StorageDaemon.StartAsync(node.ToJsonString(), Path.Combine(sockets, "base-" + name), time, t), ct);
    }

    public async Task DeleteAsync(BaseImageSpec spec, CancellationToken ct)
    {
        await _files.DeleteAsync(spec, ct);
        await _files.DeleteAsync(SeedOf(spec), ct);
        foreach (var extension in new[] { ".qcow2", ".qcow2.new" })
            if (File.Exists(PathOf(spec, extension))) File.Delete(PathOf(spec, extension));
    }

    public Task<long> FreeBytesAsync(CancellationToken ct) => _files.FreeBytesAsync(ct);

    // A seed becomes a raw file first, by the code that knows all its forms.
    private async Task CreateAsync(BaseImageSpec spec, string image, CancellationToken ct)
    {
        var aside = image + ".new";
        Directory.CreateDirectory(Path.GetDirectoryName(image)!);
        File.Delete(aside);
        if (spec.SeedFile is null)
            await QemuImg.RunAsync(["create", "-q", "-f", "qcow2", aside, $"{spec.SizeBytes}"], ct);
        else
        {
            await _files.DeleteAsync(SeedOf(spec), ct);
            await (await _files.OpenAsync(SeedOf(spec), ct)).DisposeAsync();
            await QemuImg.RunAsync(
                ["convert", "-q", "-f", "raw", "-O", "qcow2", PathOf(SeedOf(spec), ".raw"), aside], ct);
            await _files.DeleteAsync(SeedOf(spec), ct);
        }
        using (var file = RawFile.Open(aside, FileMode.Open)) file.Flush();
        File.Move(aside, image);
    }

    private static void Sync(string image)
    {
        var errno = Posix.SyncDirectory(Path.GetDirectoryName(image)!);
        if (errno != 0) throw StorageErrors.FromErrno(errno, "fsync", image);
    }

    private static BaseImageSpec SeedOf(BaseImageSpec spec) => spec with { Volume = spec.Volume + ".seed" };

    private string PathOf(BaseImageSpec spec, string extension) =>
        Path.Combine(root, spec.Group, "base", spec.Volume + extension);
}
