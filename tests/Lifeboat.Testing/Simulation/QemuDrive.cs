// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// One disk inside QEMU, with the mirror as measured on 7.2: the source takes a write first, then the target, then
/// the guest sees the completion. A transaction or the start of a mirror drains the disk. When the target fails or
/// its process dies, the mirror ends, the guest goes on and the change maps remember.
/// </summary>
internal sealed class QemuDrive(SimulatedInstance instance, GuestDisk disk, SimulatedProcess process)
{
    private TaskCompletionSource _changed = new();
    private int _inFlight;
    private int _drains;

    public GuestDisk Disk => disk;
    public SimulatedProcess Process => process;
    public List<ChangeMap> Maps { get; } = [];
    public QemuMirror? Mirror { get; private set; }
    /// <summary>The disk as it was at a moment, while somebody reads it.</summary>
    public MomentImage? Image { get; set; }

    /// <returns>False: the disk was taken out meanwhile, nothing was written.</returns>
    public async Task<bool> WriteAsync(GuestWrite write)
    {
        while (_drains > 0) await _changed.Task;
        if (!Plugged) return false;
        _inFlight++;
        await DelayAsync(20, 200);
        disk.Apply(write, write.Count);
        write.Applied = process.Scheduler.Now;
        foreach (var map in Maps)
            if (map.Enabled) map.Mark(write);
        if (Mirror is { Ended: false } mirror) await mirror.SendAsync(write);
        else
        {
            TouchedUnseen = true;
            await DelayAsync(5, 30);
        }
        write.Acked = process.Scheduler.Now;
        _inFlight--;
        Changed();
        return true;
    }

    /// <summary>No write is in flight while the action runs: what QEMU's drained sections give.</summary>
    public async Task DrainedAsync(Action action)
    {
        await BeginDrainAsync();
        action();
        EndDrain();
    }

    /// <summary>From the call on no write is begun; when it returns none is in flight.</summary>
    public async Task BeginDrainAsync()
    {
        _drains++;
        while (_inFlight > 0) await _changed.Task;
    }

    public void EndDrain()
    {
        _drains--;
        Changed();
    }

    /// <returns>False: the disk is longer than that, and nothing was begun.</returns>
    public async Task<bool> StartMirrorAsync(QemuMirror mirror, long sizeBytes)
    {
        if (Mirror is { Ended: false }) throw new SimulationException("two mirrors on one disk");
        var begun = false;
        await DrainedAsync(() =>
        {
            begun = disk.SizeBytes == sizeBytes && Plugged;
            if (begun) (Mirror, TouchedUnseen) = (mirror, false);
        });
        return begun;
    }

    /// <summary>`block_resize`, which QEMU refuses while a job uses the disk.</summary>
    public async Task<bool> TryGrowAsync(int sectors)
    {
        var grown = false;
        await DrainedAsync(() =>
        {
            if (Mirror is { Ended: false }) return;
            var before = disk.SizeBytes;
            disk.Grow(sectors, process.Scheduler.Now);
            foreach (var map in Maps) map.Grow(before, disk.SizeBytes);
            grown = true;
        });
        return grown;
    }

    /// <summary>The instance has the disk; its node with maps and mirror stays when it has not.</summary>
    public bool Plugged { get; private set; } = true;
    /// <summary>Written to since the last mirror was intact.</summary>
    public bool TouchedUnseen { get; private set; }

    /// <summary>`device_del`: what the guest has under way is answered first.</summary>
    public Task UnplugAsync() => DrainedAsync(() =>
    {
        Plugged = false;
        Mirror?.Unplug(TimeSpan.FromMilliseconds(instance.Prng.Next(1000)));
    });

    /// <summary>`device_add`: below the filter of a mirror that still runs, which sees nothing from here on.</summary>
    public Task PlugAsync() => DrainedAsync(() =>
    {
        Plugged = true;
        Mirror?.Fail(TimeSpan.FromMilliseconds(instance.Prng.Next(1000)));
    });

    public string NextMapName(Guid replica)
    {
        var prefix = $"lifeboat-{replica:N}"[..17] + "-";
        var next = Maps.Where(m => m.Replica == replica)
            .Select(m => int.Parse(m.Name[prefix.Length..], System.Globalization.CultureInfo.InvariantCulture) + 1)
            .DefaultIfEmpty(0).Max();
        return prefix + next;
    }

    public Task DelayAsync(int least, int most) =>
        process.Clock.DelayAsync(TimeSpan.FromMicroseconds(instance.Prng.Next(least, most)));

    private void Changed()
    {
        var changed = _changed;
        _changed = new TaskCompletionSource();
        changed.TrySetResult();
    }
}
