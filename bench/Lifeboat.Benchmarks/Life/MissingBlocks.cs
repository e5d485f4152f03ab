// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using Lifeboat.Contracts.Sites;
using Lifeboat.Journaling.Segments;
using Lifeboat.Protection;
using Lifeboat.Replication.Replicas;
using Lifeboat.Volumes.Files;

namespace Lifeboat.Benchmarks.Life;

/// <summary>Compares a disk with its replica as it is on the recovery site's disk. Its agent must not run.</summary>
internal static class MissingBlocks
{
    private const int Block = 4096;
    private const int Window = 16 << 20;

    public static async Task<long> CountAsync(SitePaths site, string group, string image)
    {
        using var disk = File.OpenHandle(image, share: FileShare.ReadWrite);
        var size = RandomAccess.GetLength(disk);
        var definition = new ReplicaDefinition(group, Epoch.First, [new ReplicaVolume(0, "vm.disk", size)],
            TimeSpan.FromDays(1));
        var options = new ReplicaOptions
        {
            NewId = Guid.NewGuid,
            Journal = new JournalOptions { NewSalt = () => (ulong)RandomNumberGenerator.GetInt32(int.MaxValue) },
        };
        await using var replica = await Replica.OpenAsync(definition, options,
            new FileStorage(Path.Combine(site.Replicas, group, "journal")), new FileReplicaStore(site.Replicas),
            TimeProvider.System, default);
        var (missing, bytes) = (0L, new byte[Window]);
        for (var at = 0L; at < size; at += Window)
        {
            var length = (int)Math.Min(Window, size - at);
            RandomAccess.Read(disk, bytes.AsSpan(0, length), at);
            missing += await DifferAsync(replica, at, bytes.AsMemory(0, length));
        }
        return missing;
    }

    private static async Task<int> DifferAsync(Replica replica, long at, ReadOnlyMemory<byte> bytes)
    {
        var theirs = new byte[bytes.Length / Block * BlockDigest.Length];
        await replica.DigestAsync(0, at, bytes.Length, Block, replica.DurableSequence, theirs, default);
        var (differ, ours) = (0, new byte[BlockDigest.Length]);
        for (var i = 0; i * Block < bytes.Length; i++)
        {
            BlockDigest.Compute(bytes.Span.Slice(i * Block, Block), ours);
            if (!theirs.AsSpan(i * BlockDigest.Length, BlockDigest.Length).SequenceEqual(ours)) differ++;
        }
        return differ;
    }
}
