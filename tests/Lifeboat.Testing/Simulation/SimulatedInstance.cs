// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Simulation;

/// <summary>
/// A virtual machine: a QEMU process with disks and a guest that writes to them. Nothing of ours runs in it; the
/// change maps and mirrors live in its memory, the disks outlive it.
/// </summary>
public sealed partial class SimulatedInstance(string name, IReadOnlyList<GuestDisk> disks,
    Func<string, SimulatedProcess> spawn, Prng prng)
{
    private readonly List<GuestWrite> _unsettled = [];
    private List<QemuDrive> _drives = [];
    private bool _booted;

    public string Name => name;
    public IReadOnlyList<GuestDisk> Disks => disks;
    public SimulatedProcess? Process { get; private set; }
    public bool Running => Process is { Alive: true };
    public GuestWorkload? Guest { get; private set; }
    public Prng Prng => prng;
    /// <summary>Of a change map, bytes.</summary>
    public int Granularity { get; init; } = 4096;
    /// <summary>The most that an answer of its monitor takes longer.</summary>
    public TimeSpan MonitorDelay { get; set; }
    /// <summary>How many of its commands the monitor refuses, of one.</summary>
    public double MonitorRefuses { get; set; }

    internal QemuDrive Drive(int disk) => _drives[disk];

    /// <summary>No write of the guest is in flight, on any disk, while the action runs.</summary>
    internal async Task DrainedAsync(Action action)
    {
        var drives = _drives;
        var drained = drives.Select(d => d.BeginDrainAsync()).ToList();
        foreach (var drain in drained) await drain;
        action();
        foreach (var drive in drives) drive.EndDrain();
    }

    public void PowerOn(GuestOptions options, Func<long> nextWrite)
    {
        if (Running) throw new SimulationException($"{name} already runs");
        ThawBoot();
        var process = Process = spawn(name);
        _drives = [.. disks.Select(d => new QemuDrive(this, d, process))];
        var guest = Guest = new GuestWorkload(this, options, nextWrite, prng);
        process.Start(() => BootAsync(process, guest));
    }

    // A guest takes its time before it writes, the first time excepted: stories begin when all is up.
    private async Task BootAsync(SimulatedProcess process, GuestWorkload guest)
    {
        if (_booted) await process.Clock.DelayAsync(TimeSpan.FromMilliseconds(prng.Next(1200, 3000)));
        _booted = true;
        // Whatever of the last writes is on the disks, the guest reads it now and builds on it.
        foreach (var write in _unsettled) write.Acked = process.Scheduler.Now;
        _unsettled.Clear();
        await guest.RunAsync();
    }

    /// <summary>The guest was shut down and starts again; QEMU, its mirrors and its change maps stayed.</summary>
    public void BootAgain()
    {
        if (Guest is not { Stopped: true } before) return;
        Guest = before.Again();
        Process!.Start(Guest.RunAsync);
    }

    /// <summary>
    /// The host loses power just now, before the disks had what its page cache had: blocks that the guest was told are
    /// written hold again what they held a moment ago. A guest that was asked to shut down has flushed.
    /// </summary>
    public void LosePageCache()
    {
        if (!Running || Guest is { Stopping: true }) return;
        const int block = 8;
        var now = Process!.Scheduler.Now;
        var flushed = Math.Max(0, now - prng.Next(2 * TimeSpan.TicksPerSecond));
        foreach (var disk in disks)
            for (var first = 0; first < disk.Sectors; first += block)
            {
                var count = Math.Min(block, disk.Sectors - first);
                var busy = _unsettled.Concat(Guest!.InFlight).Any(w => w.Overlaps(disk.Index, first, count));
                if (busy || !prng.Chance(0.5)) continue;
                var old = Enumerable.Range(first, count).Select(s => disk.History.SettledAt(s, flushed)).ToArray();
                if (old.AsSpan().SequenceEqual(disk.Stamps(first, count))) continue;
                disk.Apply(Back(disk, first, old, now), count);
            }
    }

    private static GuestWrite Back(GuestDisk disk, int first, long[] stamps, long now) =>
        new(0, disk.Index, first, stamps.Length, zero: false, now) { Stamps = stamps, Applied = now, Acked = now };

    /// <summary>
    /// QEMU ends at once: change maps and mirrors are gone. Writes in flight reach the disk whole, in part or not at
    /// all; what did is from now on what a restarted guest reads.
    /// </summary>
    public void PowerOff()
    {
        if (!Running) return;
        var now = Process!.Scheduler.Now;
        Process.Kill();
        foreach (var write in Guest!.InFlight)
        {
            var disk = disks[write.Disk];
            if (write.Applied == long.MaxValue && prng.Chance(0.5))
            {
                write.Applied = now;
                disk.Apply(write, prng.Next(write.Count + 1));
            }
            if (write.Applied != long.MaxValue) _unsettled.Add(write);
        }
        Guest.InFlight.Clear();
    }
}
