// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Replicas;

/// <summary>Where base images live. One folder per driver in Lifeboat.Volumes. Failures are StorageException.</summary>
public interface IReplicaStore
{
    /// <summary>Opens the base image of a volume; creates it (reading as zeroes) when absent.</summary>
    /// <exception cref="ReplicaStoreException">An existing target is smaller than the volume.</exception>
    Task<IBaseImage> OpenAsync(BaseImageSpec spec, CancellationToken ct);
    /// <summary>Deleting what is not there succeeds. A target disk named by the user is left alone.</summary>
    Task DeleteAsync(BaseImageSpec spec, CancellationToken ct);
    /// <summary>Bytes that can still be written.</summary>
    Task<long> FreeBytesAsync(CancellationToken ct);
}

/// <param name="SeedFormat">Of the seed file; null: by its extension.</param>
/// <param name="SeedFile">Copied into a base image that is made new; see the contract's ReplicaVolume.</param>
/// <param name="TargetDisk">Existing raw file or block device that is the base image; null: the store's own
/// file.</param>
public sealed record BaseImageSpec(string Group, string Volume, long SizeBytes, string? SeedFile, string? TargetDisk,
    string? SeedFormat = null);

/// <summary>A raw image of fixed size. Offsets and lengths in bytes; nothing is durable before the flush.</summary>
public interface IBaseImage : IAsyncDisposable
{
    long SizeBytes { get; }
    ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct);
    ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct);
    ValueTask ZeroAsync(long offset, long length, CancellationToken ct);
    ValueTask FlushAsync(CancellationToken ct);

    /// <summary>True only when the range is known to read as zeroes without reading it; when in doubt, false.</summary>
    bool IsHole(long offset, long length) => false;
}

/// <summary>A base image that can become longer. What is new of a user's disk may be anything.</summary>
public interface IGrowingImage
{
    /// <summary>To this many bytes, never less than it has. Durable once it returns; repeating succeeds.</summary>
    /// <exception cref="ReplicaStoreException">TargetTooSmall: it is a disk of the user's.</exception>
    ValueTask GrowAsync(long sizeBytes, CancellationToken ct);
}

public enum ReplicaStoreFault { TargetTooSmall = 1, TargetMissing = 2, SeedUnreadable = 3, Full = 4, Unavailable = 5 }

public sealed class ReplicaStoreException(ReplicaStoreFault fault, string message, Exception? cause = null)
    : Exception(message, cause)
{
    public ReplicaStoreFault Fault => fault;
}
