// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Volumes.Qemu;

/// <summary>
/// One kind of image that QEMU has a driver for: made, found, resized and removed here, read and written through a
/// storage daemon. Whether an image is there is always known from a file in the site directory.
/// </summary>
internal interface IQemuImages
{
    /// <summary>A file in the site directory that is there as soon as, and as long as, the image is whole.</summary>
    string MarkOf(BaseImageSpec spec);
    /// <summary>How the image is called in messages.</summary>
    string NameOf(BaseImageSpec spec);
    /// <summary>Makes an image that is not there; one whose making was cut off begins anew.</summary>
    /// <param name="seed">A raw file of the volume's size that it begins as; null: zeroes.</param>
    /// <exception cref="ReplicaStoreException">Unavailable, Full, SeedUnreadable.</exception>
    Task CreateAsync(BaseImageSpec spec, string? seed, CancellationToken ct);
    /// <summary>The node that `--blockdev` takes, without a name, once the image can be had.</summary>
    /// <exception cref="ReplicaStoreException">Unavailable: it cannot be reached now, or is gone.</exception>
    Task<JsonObject> NodeAsync(BaseImageSpec spec, CancellationToken ct);
    /// <summary>To this many bytes, durably; no daemon has it open.</summary>
    /// <exception cref="ReplicaStoreException">Unavailable, Full.</exception>
    Task GrowAsync(BaseImageSpec spec, long sizeBytes, CancellationToken ct);
    /// <summary>Whole or half made; what is not there is removed already.</summary>
    /// <exception cref="ReplicaStoreException">Unavailable: it may still be there.</exception>
    Task DeleteAsync(BaseImageSpec spec, CancellationToken ct);
    /// <summary>All that the group has, where its directory is about to be removed.</summary>
    /// <exception cref="ReplicaStoreException">Unavailable: some of it may still be there.</exception>
    Task DeleteGroupAsync(string group, CancellationToken ct);
    /// <summary>Bytes that images may still take; null: those of the site directory's file system.</summary>
    /// <exception cref="ReplicaStoreException">Unavailable.</exception>
    Task<long?> FreeBytesAsync(CancellationToken ct);
    /// <summary>
    /// A request that is not answered for so long ends its daemon; null: it waits as for a disk. Only for images that
    /// a dead daemon cannot write to any more once the next one does.
    /// </summary>
    TimeSpan? AnswerLimit { get; }
}
