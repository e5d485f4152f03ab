// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Replication.Replicas;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Testing.Replicas;

/// <summary>Base images on a simulated disk. Seeds and targets are images that the test put there by name.</summary>
public sealed class SimulatedReplicaStore(SimulatedDisk disk) : IReplicaStore
{
    internal const string Folder = "images";

    private readonly SimulatedStorage _storage = new(disk, Folder);

    /// <summary>Puts an image there under a name that a spec can give as seed or target.</summary>
    public void Put(string name, ReadOnlySpan<byte> content)
    {
        var inode = disk.Folder(Folder).Find(name) ?? disk.Folder(Folder).Create(name, disk.NextOrder());
        inode.SetLength(content.Length, disk.NextOrder());
        inode.Write(0, content, disk.NextOrder());
        inode.Flush(long.MaxValue);
        disk.Folder(Folder).Sync(long.MaxValue);
    }

    public async Task<IBaseImage> OpenAsync(BaseImageSpec spec, CancellationToken ct)
    {
        if (spec.TargetDisk is { } target) return await OpenTargetAsync(target, spec, ct);
        var name = NameOf(spec);
        if (!await _storage.ExistsAsync(name, ct)) await CreateAsync(name, spec, ct);
        else await _storage.SyncAsync(ct);
        return new SimulatedBaseImage(await _storage.OpenAsync(name, create: false, ct), spec.SizeBytes,
            ours: true);
    }

    public async Task DeleteAsync(BaseImageSpec spec, CancellationToken ct)
    {
        if (spec.TargetDisk is not null) return;
        await _storage.DeleteAsync(NameOf(spec), ct);
        await _storage.SyncAsync(ct);
    }

    public async Task<long> FreeBytesAsync(CancellationToken ct) => await _storage.FreeBytesAsync(ct);

    private async Task<IBaseImage> OpenTargetAsync(string target, BaseImageSpec spec, CancellationToken ct)
    {
        if (!await _storage.ExistsAsync(target, ct))
            throw new ReplicaStoreException(ReplicaStoreFault.TargetMissing, $"target {target} is not there");
        var file = await _storage.OpenAsync(target, create: false, ct);
        var length = await file.LengthAsync(ct);
        if (length < spec.SizeBytes)
            throw new ReplicaStoreException(ReplicaStoreFault.TargetTooSmall,
                $"target {target} has {length} bytes, volume {spec.Volume} needs {spec.SizeBytes}");
        return new SimulatedBaseImage(file, spec.SizeBytes, ours: false);
    }

    private async Task CreateAsync(string name, BaseImageSpec spec, CancellationToken ct)
    {
        await using (var file = await _storage.OpenAsync(name + ".new", create: true, ct))
        {
            if (spec.SeedFile is { } seed) await CopyAsync(seed, file, ct);
            await file.SetLengthAsync(spec.SizeBytes, ct);
            await file.FlushAsync(ct);
        }
        await _storage.RenameAsync(name + ".new", name, ct);
        await _storage.SyncAsync(ct);
    }

    private async Task CopyAsync(string seed, IStorageFile to, CancellationToken ct)
    {
        if (!await _storage.ExistsAsync(seed, ct))
            throw new ReplicaStoreException(ReplicaStoreFault.SeedUnreadable, $"seed {seed} is not there");
        await using var from = await _storage.OpenAsync(seed, create: false, ct);
        var bytes = new byte[await from.LengthAsync(ct)];
        await from.ReadAsync(0, bytes, ct);
        await to.SetLengthAsync(0, ct);
        await to.WriteAsync(0, bytes, ct);
    }

    private static string NameOf(BaseImageSpec spec) => $"{spec.Group}-{spec.Volume}.raw";
}
