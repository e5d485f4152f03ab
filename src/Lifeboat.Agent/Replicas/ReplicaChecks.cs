// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Agent.Replicas;

/// <summary>Looks at what a replica asks for before anything of it is made.</summary>
internal static class ReplicaChecks
{
    /// <summary>Room without which keeping a replica makes no sense: a journal segment and its reserve.</summary>
    public const long FreeBytesMin = 192L << 20;

    /// <param name="keeps">It is to keep a state, rather than to be the group's replica.</param>
    public static void Form(ReplicaSpec spec, bool keeps)
    {
        var problems = Problems(spec).ToList();
        if (keeps != spec.Keep is not null) problems.Add(keeps ? "keep is missing" : "keep: a replica keeps no state");
        if (problems.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, $"the replica of '{spec.Group}' has faults", null,
                problems);
    }

    /// <exception cref="ProblemException">
    /// TargetTooSmall, TargetFull, InvalidRequest (target, seed), StoreUnavailable.
    /// </exception>
    public static async Task PlacesAsync(ReplicaSpec spec, AgentParts parts, CancellationToken ct)
    {
        foreach (var volume in spec.Volumes)
        {
            if (volume.TargetDisk is { } target) Target(volume, target);
            // What is no file is asked for when it is copied.
            if (volume.SeedFile is { } seed && DiskImage.IsFile(seed) && !CanRead(seed))
                throw new ProblemException(ReasonCode.InvalidRequest,
                    $"the seed {seed} of volume {volume.Name} cannot be read");
        }
        await RoomAsync(parts, ct);
    }

    private static void Target(Contracts.Agents.ReplicaVolume volume, string target)
    {
        long length;
        try
        {
            using var disk = File.OpenHandle(target, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            length = RandomAccess.GetLength(disk);
            // A block device has no length as a file; its end is where seeking to the end leads.
            if (length == 0) length = DeviceLength(target);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException(ReasonCode.InvalidRequest,
                $"the target disk {target} of volume {volume.Name} cannot be used", e.Message, cause: e);
        }
        if (length < volume.SizeBytes)
            throw new ProblemException(ReasonCode.TargetTooSmall,
                $"the target disk {target} has {length} bytes, volume {volume.Name} needs {volume.SizeBytes}",
                "Give a larger disk, or none to let the agent keep a file of its own.");
    }

    private static long DeviceLength(string target)
    {
        using var device = new FileStream(target, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1);
        return device.Seek(0, SeekOrigin.End);
    }

    private static async Task RoomAsync(AgentParts parts, CancellationToken ct)
    {
        var directory = parts.Paths.Replicas;
        try
        {
            Directory.CreateDirectory(directory);
            var free = await HostedReplica.Store(parts).FreeBytesAsync(ct);
            if (free < FreeBytesMin)
                throw new ProblemException(ReasonCode.TargetFull,
                    $"{directory}, or the pool of base images, has {free >> 20} MiB free; a replica needs "
                    + $"{FreeBytesMin >> 20} MiB at least",
                    "Make room, or move the site directory to a larger file system.");
            // Free space is no proof of being allowed to write.
            var probe = Path.Combine(directory, ".probe");
            await File.WriteAllBytesAsync(probe, new byte[4096], ct);
            File.Delete(probe);
        }
        catch (ReplicaStoreException e) when (e.Fault == ReplicaStoreFault.Unavailable)
        {
            throw new ProblemException(
                ReasonCode.StoreUnavailable, "where base images are kept cannot be reached", e.Message, cause: e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or StorageException
            or ReplicaStoreException)
        {
            throw new ProblemException(ReasonCode.TargetFull, $"{directory} cannot be written to", e.Message, cause: e);
        }
    }

    private static bool CanRead(string file)
    {
        try
        {
            using var handle = File.OpenHandle(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static IEnumerable<string> Problems(ReplicaSpec spec)
    {
        if (!GroupName.IsValid(spec.Group)) yield return $"group is '{spec.Group}'; {GroupName.Rule}";
        if (!EntityName.IsValid(spec.PrimarySite))
            yield return $"primarySite is '{spec.PrimarySite}'; {EntityName.Rule}";
        if (spec.Epoch < Epoch.First) yield return $"epoch is {spec.Epoch}; the first is {Epoch.First}";
        if (spec.Keep is { } keep && !EntityName.IsValid(keep.Pin))
            yield return $"keep.pin is '{keep.Pin}'; {EntityName.Rule}";
        foreach (var volume in spec.Volumes.Where(v => spec.Keep is not null))
            if (volume.SeedFile is null || volume.TargetDisk is not null)
                yield return $"keep: volume {volume.Name} needs a seed and no target disk";
        foreach (var problem in spec.Retention.Problems()) yield return problem;
        if (spec.Volumes.Count == 0) yield return "volumes is empty";
        if (spec.Volumes.DistinctBy(v => v.Index).Count() != spec.Volumes.Count) yield return "volumes: an index twice";
        foreach (var volume in spec.Volumes)
        {
            if (volume.SizeBytes <= 0 || volume.SizeBytes % 512 != 0)
                yield return $"volume {volume.Name}: sizeBytes is {volume.SizeBytes}; it must be a multiple of 512";
            if (volume.Name.Length is 0 or > 100 || volume.Name[0] == '.'
                || volume.Name.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '.' or '_')))
                yield return $"volume name '{volume.Name}' cannot be a file name";
        }
    }
}
