// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Filling;

/// <summary>
/// A volume that no server of a guest has, opened for writing where we reach it. Writes may be done in any order and
/// several at once; ranges are whole multiples of 4096 bytes but for the end of the volume.
/// </summary>
internal interface IOpenVolume : IAsyncDisposable
{
    /// <summary>Bytes; at least what was asked for when it was opened.</summary>
    long SizeBytes { get; }

    /// <exception cref="SiteException">NoSpace, or the way to the volume is gone (CloudUnavailable): whoever writes
    /// opens it again and begins after what was flushed last.</exception>
    ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct);

    /// <summary>Reads as zeros afterwards; takes no room where the backend can do that.</summary>
    /// <exception cref="SiteException">As for <see cref="WriteAsync"/>.</exception>
    ValueTask ZeroAsync(long offset, long length, CancellationToken ct);

    /// <summary>What was written before is durable in the cloud's storage when this returns.</summary>
    /// <exception cref="SiteException">As for <see cref="WriteAsync"/>.</exception>
    ValueTask FlushAsync(CancellationToken ct);
}
