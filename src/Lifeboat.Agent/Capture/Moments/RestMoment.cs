// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Nbd;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Moments;
using Lifeboat.Volumes.Qemu;

namespace Lifeboat.Agent.Capture.Moments;

/// <summary>What a replica has of instances that are shut down.</summary>
internal sealed record RestLeft(Guid Replica, string Mark);

/// <summary>
/// The files of a group whose instances are all shut down. It is of the moment at which the first was opened, and stays
/// so: once an instance is started every read fails, and the moment is given up.
/// </summary>
internal sealed class RestMoment : IMoment, IAsyncDisposable
{
    private readonly List<Image> _images = [];
    private readonly RestLeft _will;
    private readonly bool _unchanged;
    private readonly Action<RestLeft> _forgotten;

    private RestMoment(DateTimeOffset at, RestLeft will, bool unchanged, Action<RestLeft> forgotten) =>
        (At, _will, _unchanged, _forgotten) = (at, will, unchanged, forgotten);

    public DateTimeOffset At { get; }

    // No change map has outlived its QEMU: what the replica has not had of this very rest is compared.
    public IReadOnlyList<MomentVolume> Volumes => [.. _images.Select(i => new MomentVolume(i.Index, i.SizeBytes,
        new GapMap(_unchanged ? GapKind.Known : GapKind.Allocation, null, _unchanged ? 0 : null), i))];

    /// <param name="folder">What sockets and pid files of the daemons begin with; short.</param>
    /// <param name="forgotten">Called when the replica has it.</param>
    /// <exception cref="TapException">DiskNotFound, Refused: not all of them can be read at rest, and why.</exception>
    public static async Task<RestMoment> TakeAsync(IReadOnlyList<QmpDiskTap> disks, Rest rest, string folder,
        (Guid Replica, RestLeft? Has) now, Action<RestLeft> forgotten, TimeProvider time, CancellationToken ct)
    {
        // Before anything is opened: a file that changes in between differs from its mark, and is read.
        var will = new RestLeft(now.Replica, MarkOf(disks, rest));
        var moment = new RestMoment(time.GetUtcNow(), will, will == now.Has, forgotten);
        try
        {
            foreach (var disk in disks)
            {
                var place = PlaceOf(disk, rest);
                moment._images.Add(new Image(disk.Volume.Index, await ImageAtRest.OpenAsync(
                    place.File, place.Driver, PlaceOfDaemon(disk, folder), time, ct)));
            }
            return moment;
        }
        catch
        {
            await moment.DisposeAsync();
            throw;
        }
    }

    /// <summary>Whoever was killed while it read left daemons behind, and there may be no rest for long.</summary>
    public static async Task EndLeftAsync(IReadOnlyList<QmpDiskTap> disks, string folder, TimeProvider time)
    {
        foreach (var disk in disks) await ImageAtRest.EndLeftAsync(PlaceOfDaemon(disk, folder), time);
    }

    /// <summary>Of all files.</summary>
    public static string MarkOf(IReadOnlyList<QmpDiskTap> disks, Rest rest) => string.Join(' ',
        disks.Select(d => ImageAtRest.MarkOf(PlaceOf(d, rest).File)).Prepend($"{rest.Runs}"));

    public async Task CloseAsync(CancellationToken ct) => await DisposeAsync();

    public Task ForgetAsync(CancellationToken ct)
    {
        _forgotten(_will);
        return Task.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var image in _images) await image.DisposeAsync();
        _images.Clear();
    }

    private static string PlaceOfDaemon(QmpDiskTap disk, string folder) => $"{folder}{disk.Volume.Index}";

    private static DiskPlace PlaceOf(QmpDiskTap disk, Rest rest)
    {
        var place = rest.Places.FirstOrDefault(p => p.Index == disk.Volume.Index)
            ?? throw new TapException(TapFault.InstanceGone, $"{disk.Volume.Name}: its instance is shut down, and this "
                + "agent has not seen it run; start it once");
        return place.IsPlainFile ? place : throw new TapException(TapFault.Refused,
            $"{disk.Volume.Name} is no raw or qcow2 file ({place.File}): it cannot be read while its instance is shut "
            + "down. For raw RBD images there is --source snapshot-diff");
    }

    private sealed class Image(ushort index, ImageAtRest file) : IGapReader, IAsyncDisposable
    {
        private static readonly IReadOnlyList<NbdExtent> All = [new(long.MaxValue, NbdExtent.Dirty)];

        public ushort Index => index;
        public long SizeBytes => file.SizeBytes;

        public async Task<IReadOnlyList<GapExtent>> GapAsync(
            GapMap map, long offset, long length, CancellationToken ct)
        {
            var allocation = await file.AllocationAsync(offset, length, ct);
            return map.Kind is GapKind.Known ? [] : GapExtents.Of(offset, All, allocation);
        }

        public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct) =>
            file.ReadAsync(offset, buffer, ct);

        public ValueTask DisposeAsync() => file.DisposeAsync();
    }
}
