// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Capture;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Nbd;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Sources;

internal sealed partial class HostedSource
{
    private int _digesting;

    /// <summary>Reads the disks, which nobody may write meanwhile; given up when the caller goes away.</summary>
    /// <exception cref="ProblemException">
    /// WrongState: an instance runs. Conflict: its disks are being read by another such request or for a seed.
    /// </exception>
    public async Task<GroupDigest> DigestAsync(SourceDigestRequest request, CancellationToken ct)
    {
        if (Seeding is not null || Interlocked.Exchange(ref _digesting, 1) != 0)
            throw new ProblemException(ReasonCode.Conflict, $"the disks of {Spec.Group} are being read already");
        // Ends when the caller hangs up (ct) or the source is stopped (_stop).
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, _stop.Token);
        try
        {
            var volumes = new List<VolumeDigest>();
            for (var i = 0; i < _taps.Count; i++)
            {
                var volume = Spec.Volumes[i];
                var stopped = request.Stopped.FirstOrDefault(s => s.Index == volume.Index);
                var (size, digest) = stopped is null
                    ? await DigestAsync(_taps[i], volume, any.Token)
                    : await DigestAsync(stopped.File, volume, any.Token);
                volumes.Add(new VolumeDigest(volume.Index, volume.Name, size, digest));
            }
            return GroupDigest.Of(null, null, volumes);
        }
        finally
        {
            Volatile.Write(ref _digesting, 0);
        }
    }

    // A disk may have grown since the group was told its size.
    private static async Task<(long SizeBytes, string Digest)> DigestAsync(
        QmpDiskTap tap, SourceVolume volume, CancellationToken ct)
    {
        try
        {
            await RequirePausedAsync(tap, volume, ct);
            await using var disk = await tap.OpenSeedAsync(ct);
            var digest = await DigestAsync(disk.Info.Size, async (at, part) => await disk.ReadAsync(at, part, ct));
            await RequirePausedAsync(tap, volume, ct);
            return (disk.Info.Size, digest);
        }
        catch (NbdException e)
        {
            throw new ProblemException(ReasonCode.MonitorUnreachable,
                $"reading {volume.Name} of the paused instance failed", e.Message, cause: e);
        }
        finally
        {
            await SeedExport.CloseAsync(tap);
        }
    }

    private static async Task RequirePausedAsync(QmpDiskTap tap, SourceVolume volume, CancellationToken ct)
    {
        if (await tap.InstanceRunsAsync(ct))
            throw new ProblemException(ReasonCode.WrongState,
                $"the instance of {volume.Name} is running: its disks change while they are read",
                "Pause it or shut it down; a point cut after that has the same digest.");
    }

    private static async Task<(long SizeBytes, string Digest)> DigestAsync(
        string file, SourceVolume volume, CancellationToken ct)
    {
        try
        {
            using var disk = File.OpenHandle(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var size = Math.Max(volume.SizeBytes, RandomAccess.GetLength(disk) & ~511L);
            return (size, await DigestAsync(size, async (at, part) =>
            {
                if (await RandomAccess.ReadAsync(disk, part, at, ct) < part.Length)
                    throw new ProblemException(ReasonCode.InvalidRequest,
                        $"{file} is shorter than volume {volume.Name} of {volume.SizeBytes} bytes");
            }));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException(ReasonCode.InvalidRequest, $"{file} cannot be read", e.Message, cause: e);
        }
    }

    private static async Task<string> DigestAsync(long size, Func<long, Memory<byte>, Task> read)
    {
        var tree = new DigestTree();
        var chunk = new byte[DigestTree.ChunkBytes];
        for (var at = 0L; at < size; at += chunk.Length)
        {
            var part = chunk.AsMemory(0, (int)Math.Min(chunk.Length, size - at));
            await read(at, part);
            tree.Add(part.Span);
        }
        return tree.Finish();
    }
}
