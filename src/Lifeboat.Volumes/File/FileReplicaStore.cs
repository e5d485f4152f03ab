// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Replication.Replicas;
using Lifeboat.Volumes.Files.Seeds;

namespace Lifeboat.Volumes.Files;

/// <summary>
/// Base images as sparse raw files `root/group/base/volume.raw`, or as the user's own raw file or block device. A new
/// image is made under another name, flushed and renamed, so that a half copied seed is never taken for a base.
/// </summary>
public sealed class FileReplicaStore(string root) : IReplicaStore
{
    public async Task<IBaseImage> OpenAsync(BaseImageSpec spec, CancellationToken ct)
    {
        var file = spec.TargetDisk is { } target
            ? await OpenTargetAsync(target, spec, ct)
            : await OpenOwnAsync(spec, ct);
        return new FileBaseImage(file, spec.SizeBytes, ours: spec.TargetDisk is null);
    }

    public Task DeleteAsync(BaseImageSpec spec, CancellationToken ct)
    {
        try
        {
            if (!Directory.Exists(DirectoryOf(spec))) return Task.CompletedTask;
            System.IO.File.Delete(SeededMark(spec));
            System.IO.File.Delete(ImageOf(spec));
            SyncDirectory(spec);
            return Task.CompletedTask;
        }
        catch (Exception e) when (StorageErrors.IsOurs(e))
        {
            throw StorageErrors.From(e, ImageOf(spec));
        }
    }

    public Task<long> FreeBytesAsync(CancellationToken ct)
    {
        try
        {
            Directory.CreateDirectory(root);
            return Task.FromResult(new DriveInfo(Path.GetFullPath(root)).AvailableFreeSpace);
        }
        catch (Exception e) when (StorageErrors.IsOurs(e))
        {
            throw StorageErrors.From(e, root);
        }
    }

    private async Task<RawFile> OpenOwnAsync(BaseImageSpec spec, CancellationToken ct)
    {
        var image = ImageOf(spec);
        if (!System.IO.File.Exists(image)) await CreateAsync(spec, image, ct);
        // A killed process may have named it and not lived to make the name durable.
        else SyncDirectory(spec);
        var file = RawFile.Open(image, FileMode.Open);
        var length = file.Length();
        if (length >= spec.SizeBytes) return file;
        file.Dispose();
        throw TooSmall(image, length, spec);
    }

    private async Task CreateAsync(BaseImageSpec spec, string image, CancellationToken ct)
    {
        MakeDirectory(spec);
        var aside = image + ".new";
        System.IO.File.Delete(aside);
        var carried = spec.SeedFormat == SeedDirectory.Format;
        if (!carried && spec.SeedFile is { } seed) await Seed.CopyAsync(seed, spec.SeedFormat, aside, ct);
        using (var file = RawFile.Open(aside, FileMode.OpenOrCreate))
        {
            file.SetLength(spec.SizeBytes);
            if (carried) SeedDirectory.CopyInto(spec.SeedFile!, file, spec.SizeBytes, ct);
            file.Flush();
        }
        System.IO.File.Move(aside, image);
        SyncDirectory(spec);
    }

    private async Task<RawFile> OpenTargetAsync(string target, BaseImageSpec spec, CancellationToken ct)
    {
        if (!System.IO.File.Exists(target))
            throw new ReplicaStoreException(ReplicaStoreFault.TargetMissing,
                $"target disk {target} of volume {spec.Volume} is not there");
        var file = RawFile.Open(target, FileMode.Open);
        var length = file.Length();
        if (length < spec.SizeBytes)
        {
            file.Dispose();
            throw TooSmall(target, length, spec);
        }
        if (spec.SeedFile is not { } seed || System.IO.File.Exists(SeededMark(spec))) return file;
        if (spec.SeedFormat == SeedDirectory.Format) SeedDirectory.CopyInto(seed, file, spec.SizeBytes, ct);
        else await Seed.CopyIntoAsync(seed, spec.SeedFormat, target, spec.SizeBytes, ct);
        file.Flush();
        MakeDirectory(spec);
        using (var mark = RawFile.Open(SeededMark(spec), FileMode.Create)) mark.Flush();
        SyncDirectory(spec);
        return file;
    }

    private void MakeDirectory(BaseImageSpec spec)
    {
        try
        {
            Directory.CreateDirectory(DirectoryOf(spec));
        }
        catch (Exception e) when (StorageErrors.IsOurs(e))
        {
            throw StorageErrors.From(e, DirectoryOf(spec));
        }
    }

    private void SyncDirectory(BaseImageSpec spec)
    {
        var errno = Posix.SyncDirectory(DirectoryOf(spec));
        if (errno != 0) throw StorageErrors.FromErrno(errno, "fsync", DirectoryOf(spec));
    }

    private static ReplicaStoreException TooSmall(string target, long length, BaseImageSpec spec) => new(
        ReplicaStoreFault.TargetTooSmall,
        $"target disk {target} has {length} bytes, volume {spec.Volume} needs {spec.SizeBytes}");

    private string DirectoryOf(BaseImageSpec spec) => Path.Combine(root, spec.Group, "base");
    private string ImageOf(BaseImageSpec spec) => Path.Combine(DirectoryOf(spec), spec.Volume + ".raw");
    private string SeededMark(BaseImageSpec spec) => Path.Combine(DirectoryOf(spec), spec.Volume + ".seeded");
}
