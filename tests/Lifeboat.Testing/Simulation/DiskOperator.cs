// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Simulation;

/// <summary>
/// An operator who makes disks of the running instance longer while a storm rages, takes them out and puts them in
/// again. QEMU resizes no disk that a mirror uses, so he ends the mirror first, as a tool does that asks capture to let
/// go.
/// </summary>
internal sealed class DiskOperator(SimulatedWorld world, Prng prng)
{
    private const int SectorsMax = 1024;
    private readonly SimulatedProcess _operator = world.Spawn("operator");
    private int _generation;

    /// <summary>How often a disk was touched.</summary>
    public int Acts { get; private set; }

    public void Begin()
    {
        var generation = ++_generation;
        if (world.Climate.Grows || world.Climate.Unplugs) _operator.Start(() => WorkAsync(generation));
    }

    /// <summary>From here on he leaves disks alone; what is out comes in.</summary>
    public void End()
    {
        _generation++;
        foreach (var host in world.Hosts)
        {
            if (host.Instance is not { Running: true } instance) continue;
            foreach (var drive in instance.Disks.Select(d => instance.Drive(d.Index)).Where(d => !d.Plugged))
                _operator.Start(() => PlugAsync(drive));
        }
    }

    private async Task WorkAsync(int generation)
    {
        while (true)
        {
            await _operator.Clock.DelayAsync(TimeSpan.FromMilliseconds(prng.Next(500, 12_000)) / world.Climate.Pace);
            if (generation != _generation) return;
            var host = world.A.SourceWanted is not null ? world.A : world.B;
            // Booting takes it longer than capture looks away; nobody works on its disks before.
            if (host is not { OnView: false, Instance: { Running: true } instance }
                || instance.Guest is not { Up: true, Stopping: false }) continue;
            var drive = instance.Drive(prng.Next(instance.Disks.Count));
            if (!drive.Plugged) await PlugAsync(drive);
            else if (world.Climate is { Grows: true, Unplugs: true } ? prng.Chance(0.5) : world.Climate.Unplugs)
                await UnplugAsync(drive, generation);
            else await GrowAsync(drive);
        }
    }

    private async Task GrowAsync(QemuDrive drive)
    {
        var sectors = prng.Pick<int>([1, 8, 24, 128]);
        if (drive.Disk.Sectors + sectors > SectorsMax) return;
        drive.Mirror?.Fail(TimeSpan.FromMilliseconds(prng.Next(40)));
        await InQemuAsync(drive, async () =>
        {
            if (await drive.TryGrowAsync(sectors)) world.Count("disks grown");
        });
    }

    private async Task UnplugAsync(QemuDrive drive, int generation)
    {
        await InQemuAsync(drive, drive.UnplugAsync);
        world.Count("disks unplugged");
        // The storm ended while the guest's requests were waited for: who ended it found the disk still in.
        if (generation != _generation)
        {
            await PlugAsync(drive);
            return;
        }
        await _operator.Clock.DelayAsync(TimeSpan.FromMilliseconds(prng.Next(prng.Chance(0.3) ? 1000 : 20_000))
            / world.Climate.Pace);
        // Who ended the storm has put it in.
        if (generation == _generation) await PlugAsync(drive);
    }

    private Task PlugAsync(QemuDrive drive) => InQemuAsync(drive, drive.PlugAsync);

    private async Task InQemuAsync(QemuDrive drive, Func<Task> action)
    {
        Acts++;
        try
        {
            if (drive.Process.Alive) await drive.Process.CallAsync(action);
        }
        catch (ProcessDiedException)
        {
            // The instance ended meanwhile.
        }
    }
}
