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

    public async Task WriteAsync(GuestWrite write)
    {
        while (_drains > 0) await _changed.Task;
        _inFlight++;
        await DelayAsync(20, 200);
        disk.Apply(write, write.Count);
        write.Applied = process.Scheduler.Now;
        foreach (var map in Maps)
            if (map.Enabled) map.Mark(write);
        if (Mirror is { Ended: false } mirror) await mirror.SendAsync(write);
        else await DelayAsync(5, 30);
        write.Acked = process.Scheduler.Now;
        _inFlight--;
        Changed();
    }

    /// <summary>No write is in flight while the action runs: what QEMU's drained sections give.</summary>
    public async Task DrainedAsync(Action action)
    {
        _drains++;
        while (_inFlight > 0) await _changed.Task;
        action();
        _drains--;
        Changed();
    }

    public async Task StartMirrorAsync(QemuMirror mirror)
    {
        if (Mirror is { Ended: false }) throw new SimulationException("two mirrors on one disk");
        await DrainedAsync(() => Mirror = mirror);
    }

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
