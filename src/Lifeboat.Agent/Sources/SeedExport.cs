// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Capture;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Journaling.Storage;
using Lifeboat.Nbd;
using Lifeboat.Protection;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Resync;
using Lifeboat.Volumes.Files.Seeds;

namespace Lifeboat.Agent.Sources;

// Copies the disks of a group, as they are while they are written, into a seed. That no two of its chunks need be of
// one moment does no harm: a seed is only where a hash compare begins.
internal sealed class SeedExport(SourceSpec spec, IReadOnlyList<QmpDiskTap> taps, string site, TimeProvider time)
{
    private const long StatusBytes = 256L << 20;
    private readonly long _total = spec.Volumes.Sum(v => v.SizeBytes);
    private readonly Pace _pace = new(time);
    private long _done;

    public DateTimeOffset Since { get; } = time.GetUtcNow();
    public SeedProgress Progress
    {
        get
        {
            var done = Volatile.Read(ref _done);
            return new(SeedWork.Exporting, Since, done, _total, Pace.For(_total - done, _pace.PerSecond(done)));
        }
    }

    /// <exception cref="ProblemException">
    /// Conflict: a seed of the group is there already. TargetFull: nothing is left there. MonitorUnreachable: the
    /// instance could not be read.
    /// </exception>
    public async Task<SeedInfo> RunAsync(string directory, CancellationToken ct)
    {
        var place = SeedWriter.Place(directory, spec.Group);
        if (Directory.Exists(place))
            throw new ProblemException(ReasonCode.Conflict, $"{place} is there already; it is not overwritten",
                "Name another directory, or move it away.");
        try
        {
            using var writer = SeedWriter.Create(directory, spec.Group);
            for (var i = 0; i < taps.Count; i++) await CopyAsync(taps[i], spec.Volumes[i], writer, ct);
            var manifest = writer.Finish(new SeedManifest(SeedManifest.CurrentVersion, spec.Group, site,
                spec.RecoverySite, spec.Epoch.Value, Since, time.GetUtcNow(), 0, []));
            return InfoOf(manifest, place);
        }
        catch (StorageException e)
        {
            var full = e.Fault == StorageFault.Full;
            throw new ProblemException(full ? ReasonCode.TargetFull : ReasonCode.InvalidRequest,
                full
                    ? $"{directory} is full: of {_total} bytes {_done} were read"
                    : $"{directory} cannot be written to",
                $"{e.Message}. Nothing of the seed was left there.", cause: e);
        }
    }

    public static SeedInfo InfoOf(SeedManifest m, string directory) => new(directory, m.Group, m.PrimarySite,
        m.RecoverySite, new Epoch(m.Epoch), m.BeganAt, m.EndedAt, m.FileBytes,
        [.. m.Volumes.Select(v => new SeedVolumeInfo(v.Index, v.Name, v.SizeBytes, Path.Combine(directory, v.File)))]);

    private async Task CopyAsync(QmpDiskTap tap, SourceVolume volume, SeedWriter writer, CancellationToken ct)
    {
        try
        {
            await using var disk = await tap.OpenSeedAsync(ct);
            writer.BeginVolume(volume.Index);
            for (var at = 0L; at < volume.SizeBytes; at += StatusBytes)
                await CopyPartAsync(disk, writer, at, Math.Min(at + StatusBytes, volume.SizeBytes), ct);
            writer.EndVolume(volume.Index, volume.Name, volume.SizeBytes);
        }
        catch (NbdException e)
        {
            throw new ProblemException(ReasonCode.MonitorUnreachable,
                $"reading {volume.Name} of the running instance failed", e.Message, cause: e);
        }
        finally
        {
            await CloseAsync(tap);
        }
    }

    // An instance that is gone has no export any more, and the reason why the copy ended is more to the point.
    public static async Task CloseAsync(QmpDiskTap tap)
    {
        try
        {
            await tap.CloseSeedAsync(CancellationToken.None);
        }
        catch (TapException)
        {
            // A later export, or the uninstall, removes what is left.
        }
    }

    private async Task CopyPartAsync(NbdClient disk, SeedWriter writer, long from, long to, CancellationToken ct)
    {
        var stored = await disk.BlockStatusAsync(NbdExtent.BaseAllocation, from, to - from, ct);
        var buffer = new byte[SeedWriter.ChunkBytes];
        var (extent, extentEnd) = (0, from + stored[0].Length);
        for (var at = from; at < to; at += SeedWriter.ChunkBytes)
        {
            var chunk = buffer.AsMemory(0, (int)Math.Min(SeedWriter.ChunkBytes, to - at));
            var end = at + chunk.Length;
            while (extentEnd <= at) extentEnd += stored[++extent].Length;
            var zero = (stored[extent].Flags & NbdExtent.Zero) != 0;
            while (extentEnd < end)
            {
                extentEnd += stored[++extent].Length;
                zero &= (stored[extent].Flags & NbdExtent.Zero) != 0;
            }
            if (!zero)
            {
                await disk.ReadAsync(at, chunk, ct);
                writer.Add(at, chunk.Span);
            }
            _pace.Note(Interlocked.Add(ref _done, chunk.Length));
        }
    }
}
