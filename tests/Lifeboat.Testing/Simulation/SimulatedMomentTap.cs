// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Moments;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// The agent's hand on all disks of a simulated instance that is read in moments, step by step as with QEMU: fresh maps
/// begin, the images are fixed while nothing is in flight on any disk, the maps from before are frozen. Whoever dies in
/// between leaves maps that overlap.
/// </summary>
public sealed class SimulatedMomentTap(SimulatedInstance instance, SimulatedProcess agent) : IMomentTap
{
    private const double BreakShare = 0.08;
    private readonly Prng _prng = instance.Prng;
    private CancellationTokenSource _reading = new();

    /// <summary>Told of each disk of a moment what its maps say has changed; null when there were none.</summary>
    public Action<GuestDisk, long?> Taken { get; init; } = static (_, _) => { };

    public async Task<IMoment> TakeAsync(Guid replica, CancellationToken ct)
    {
        _reading.Cancel();
        _reading = new CancellationTokenSource();
        var drives = await MonitorAsync(ct);
        foreach (var drive in drives)
        {
            drive.Image = null;
            if (!drive.Plugged) throw new TapException(TapFault.DiskNotFound, $"{instance.Name} lacks a disk");
        }
        var old = drives.ToDictionary(d => d, d => SimulatedDiskTap.BeginMap(d, replica, instance));
        await StepAsync(ct);
        var at = DateTimeOffset.MinValue;
        await InsideAsync(() => instance.DrainedAsync(() =>
        {
            at = agent.Clock.GetUtcNow();
            foreach (var drive in drives) drive.Image = new MomentImage(drive.Disk, old[drive]);
        }), ct);
        await StepAsync(ct);
        foreach (var map in old.Values.SelectMany(m => m)) map.Enabled = false;
        BreakSometimes(drives);
        foreach (var drive in drives) Taken(drive.Disk, Changed(old[drive], drive.Image!.SizeBytes));
        return new Moment(this, at, drives, old);
    }

    // Its disks are QEMU's: nobody reads them without one.
    public Task<string?> RestMarkAsync(CancellationToken ct) => Task.FromResult<string?>(null);

    public void LetGo() => _reading.Cancel();

    public async Task DetachAsync(CancellationToken ct)
    {
        if (!instance.Running) return;
        foreach (var drive in await MonitorAsync(ct)) drive.Image = null;
    }

    public async Task UninstallAsync(CancellationToken ct)
    {
        if (!instance.Running) return;
        foreach (var drive in await MonitorAsync(ct))
        {
            drive.Image = null;
            drive.Maps.Clear();
        }
    }

    public ValueTask DisposeAsync()
    {
        _reading.Cancel();
        return ValueTask.CompletedTask;
    }

    private static long? Changed(List<ChangeMap> maps, long size) =>
        maps.Any(m => m.Whole) ? null : ChangeMap.Union(maps, 0, size).Sum(e => e.Length);

    // No room for what is overwritten, or too slow: QEMU drops the image and lets the guest go on.
    private void BreakSometimes(List<QemuDrive> drives)
    {
        if (!_prng.Chance(BreakShare)) return;
        var image = _prng.Pick(drives).Image!;
        _ = new SimulatedTimer(drives[0].Process, _ => image.Broken = true, null,
            TimeSpan.FromMicroseconds(_prng.Next(20_000)), Timeout.InfiniteTimeSpan);
    }

    private async Task<List<QemuDrive>> MonitorAsync(CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (!instance.Running) throw new TapException(TapFault.MonitorUnreachable, $"{instance.Name} does not run");
        var drives = instance.Disks.Select(d => instance.Drive(d.Index)).ToList();
        await StepAsync(ct);
        return instance.Running && drives[0].Process.Alive
            ? drives
            : throw new TapException(TapFault.InstanceGone, $"{instance.Name} is gone");
    }

    private async Task StepAsync(CancellationToken ct)
    {
        var process = instance.Process!;
        await agent.Clock.DelayAsync(TimeSpan.FromMicroseconds(_prng.Next(50, 1000)), ct);
        if (!process.Alive) throw new TapException(TapFault.InstanceGone, $"{instance.Name} is gone");
    }

    private async Task InsideAsync(Func<Task> action, CancellationToken ct)
    {
        try
        {
            await instance.Process!.CallAsync(action).WaitAsync(ct);
        }
        catch (ProcessDiedException e)
        {
            throw new TapException(TapFault.InstanceGone, $"{instance.Name} is gone", e);
        }
    }

    private sealed class Moment(SimulatedMomentTap tap, DateTimeOffset at, List<QemuDrive> drives,
        Dictionary<QemuDrive, List<ChangeMap>> changes) : IMoment
    {
        public DateTimeOffset At => at;

        public IReadOnlyList<MomentVolume> Volumes { get; } = [.. drives.Select(d => new MomentVolume(
            (ushort)d.Disk.Index, d.Image!.SizeBytes,
            changes[d].Any(m => m.Whole) ? new GapMap(GapKind.Allocation, null) : new GapMap(GapKind.Known, "maps"),
            new Reader(tap, d, d.Image!, tap._reading.Token)))];

        public async Task CloseAsync(CancellationToken ct)
        {
            if (!drives[0].Process.Alive) return;
            await tap.StepAsync(ct);
            foreach (var drive in drives) drive.Image = null;
        }

        public async Task ForgetAsync(CancellationToken ct)
        {
            if (!drives[0].Process.Alive) throw new TapException(TapFault.InstanceGone, "it is gone, with its maps");
            await tap.StepAsync(ct);
            foreach (var drive in drives) drive.Maps.RemoveAll(changes[drive].Contains);
        }
    }

    private sealed class Reader(SimulatedMomentTap tap, QemuDrive drive, MomentImage image, CancellationToken letGo)
        : IGapReader
    {
        public async Task<IReadOnlyList<GapExtent>> GapAsync(
            GapMap map, long offset, long length, CancellationToken ct)
        {
            await NeedAsync(ct);
            return image.Gap(map, offset, length);
        }

        public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
        {
            await NeedAsync(ct);
            image.Read(offset, buffer.Span);
        }

        private async Task NeedAsync(CancellationToken ct)
        {
            await tap.StepAsync(ct);
            if (letGo.IsCancellationRequested || image.Broken || drive.Image != image || !drive.Process.Alive)
                throw new TapException(TapFault.Refused, "the image of the moment is gone");
        }
    }
}
