// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;

namespace Lifeboat.Testing.Simulation;

/// <summary>The agent's hand on one disk of a simulated instance.</summary>
public sealed class SimulatedDiskTap(SimulatedInstance instance, int disk, SimulatedProcess agent) : IDiskTap
{
    private readonly Prng _prng = instance.Prng;
    private QemuMirror? _mirror;
    private TaskCompletionSource<TapEnd> _notAttached = new();
    private Guid _replica;
    private long _size = instance.Disks[disk].SizeBytes;

    /// <summary>Told after each attach what the change map says has changed; null when there was none.</summary>
    public Action<long?> Attached { get; init; } = static _ => { };
    public long SizeBytes => _size;
    public Task<TapEnd> Ended => _mirror?.End ?? _notAttached.Task;

    public async Task<GapMap> AttachAsync(ICaptureSink sink, Guid replica, CancellationToken ct)
    {
        _mirror?.LetGo();
        var drive = await MonitorAsync(ct);
        if (!drive.Plugged) throw new TapException(TapFault.DiskNotFound, $"{instance.Name} has no such disk");
        while (drive.Mirror is { Ended: false }) await StepAsync(drive, ct);
        var mirror = new QemuMirror(drive.Process, agent, sink, () => drive.Plugged, _prng);
        var begun = false;
        await InsideAsync(drive, async () => begun = await drive.StartMirrorAsync(mirror, _size), ct);
        if (!begun)
        {
            _size = drive.Disk.SizeBytes;
            throw new TapException(TapFault.SizeChanged, $"the disk has {_size} bytes");
        }
        (_mirror, _replica) = (mirror, replica);
        await StepAsync(drive, ct);
        await CancelIfRefusedAsync(drive, mirror, ct);
        var name = "";
        await InsideAsync(drive, () => drive.DrainedAsync(() => name = Freeze(drive, replica)), ct);
        await CancelIfRefusedAsync(drive, mirror, ct);
        var whole = Frozen(drive).Any(m => m.Whole);
        Attached(whole ? null : ChangeMap.Union(Frozen(drive), 0, SizeBytes).Sum(e => e.Length));
        return whole ? new GapMap(GapKind.Allocation, null) : new GapMap(GapKind.Known, name);
    }

    public async Task<IReadOnlyList<GapExtent>> GapAsync(GapMap map, long offset, long length, CancellationToken ct)
    {
        var drive = await ExportAsync(ct);
        return map.Kind == GapKind.Allocation
            ? drive.Disk.Allocation(offset, length)
            : ChangeMap.Union(Frozen(drive), offset, length);
    }

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        var drive = await ExportAsync(ct);
        // Two halves: a read is not atomic, the guest writes in the middle of it.
        var half = buffer.Length / 2 / GuestWrite.SectorBytes * GuestWrite.SectorBytes;
        drive.Disk.Read(offset, buffer.Span[..half]);
        await StepAsync(drive, ct);
        drive.Disk.Read(offset + half, buffer.Span[half..]);
    }

    public async Task ForgetGapAsync(CancellationToken ct)
    {
        var drive = await MonitorAsync(ct);
        drive.Maps.RemoveAll(m => m.Replica == _replica && !m.Enabled);
    }

    public async Task RotateAsync(Func<CancellationToken, Task> untilDurable, CancellationToken ct)
    {
        var drive = await MonitorAsync(ct);
        var captured = false;
        List<ChangeMap> old = [];
        await InsideAsync(drive, () => drive.DrainedAsync(() =>
        {
            // What a dead mirror did not catch is in the old map alone.
            captured = _mirror is { Ended: false } && drive.Mirror == _mirror;
            if (!captured) return;
            old = [.. drive.Maps.Where(m => m.Replica == _replica)];
            Freeze(drive, _replica);
        }), ct);
        if (!captured) throw new TapException(TapFault.Refused, "the mirror has ended");
        await untilDurable(ct);
        await StepAsync(drive, ct);
        drive.Maps.RemoveAll(old.Contains);
    }

    public async Task<bool> StillMirroringAsync(CancellationToken ct)
    {
        if (_mirror is not { } mirror) return false;
        var drive = await MonitorAsync(ct);
        return drive.Mirror == mirror && !mirror.Ended;
    }

    public async Task<bool> InstanceAnswersAsync(CancellationToken ct)
    {
        await agent.Clock.DelayAsync(TimeSpan.FromMicroseconds(_prng.Next(50, 1000)), ct);
        return instance.Running;
    }

    public async Task<DiskPresence> PresenceAsync(CancellationToken ct)
    {
        await agent.Clock.DelayAsync(TimeSpan.FromMicroseconds(_prng.Next(50, 1000)), ct);
        if (!instance.Running) return DiskPresence.NobodyThere;
        var drive = instance.Drive(disk);
        if (drive.Plugged) return DiskPresence.Plugged;
        // Of a QEMU that was started since nobody knows what went before.
        return _mirror is { Unplugged: true } && drive.Mirror == _mirror && !drive.TouchedUnseen
            ? DiskPresence.Unplugged
            : DiskPresence.Doubtful;
    }

    public async Task DetachAsync(CancellationToken ct)
    {
        if (_mirror is not { } mirror || !instance.Running) return;
        var drive = await PatientAsync(ct);
        if (mirror.Ended) return;
        await CancelAsync(drive, mirror, ct);
    }

    private Task CancelAsync(QemuDrive drive, QemuMirror mirror, CancellationToken ct)
    {
        mirror.Close();
        return InsideAsync(drive, () => drive.DrainedAsync(() =>
        {
            if (!mirror.Ended) mirror.Cancel();
        }), ct);
    }

    // A refused attach leaves no mirror; its map may stay.
    private async Task CancelIfRefusedAsync(QemuDrive drive, QemuMirror mirror, CancellationToken ct)
    {
        if (!Refuses()) return;
        await CancelAsync(drive, mirror, ct);
        throw Refused();
    }

    public void LetGo()
    {
        _mirror?.LetGo();
        if (_mirror is null) _notAttached.TrySetResult(TapEnd.LetGo);
    }

    public async Task UninstallAsync(CancellationToken ct)
    {
        await DetachAsync(ct);
        if (!instance.Running) return;
        var drive = await PatientAsync(ct);
        drive.Maps.Clear();
    }

    public ValueTask DisposeAsync()
    {
        LetGo();
        return ValueTask.CompletedTask;
    }

    /// <summary>Another map of the replica begins to record, beside those that there are.</summary>
    /// <returns>Those.</returns>
    internal static List<ChangeMap> BeginMap(QemuDrive drive, Guid replica, SimulatedInstance instance)
    {
        var first = drive.Maps.TrueForAll(m => m.Replica != replica);
        drive.Maps.RemoveAll(m => m.Replica != replica);
        if (first)
            drive.Maps.Add(new ChangeMap(drive.NextMapName(replica), replica, drive.Disk.SizeBytes,
                instance.Granularity, whole: true));
        List<ChangeMap> old = [.. drive.Maps];
        drive.Maps.Add(new ChangeMap(drive.NextMapName(replica), replica, drive.Disk.SizeBytes, instance.Granularity,
            whole: false));
        return old;
    }

    private string Freeze(QemuDrive drive, Guid replica)
    {
        foreach (var map in BeginMap(drive, replica, instance)) map.Enabled = false;
        return drive.Maps[^2].Name;
    }

    private List<ChangeMap> Frozen(QemuDrive drive) =>
        [.. drive.Maps.Where(m => m.Replica == _replica && !m.Enabled)];

    /// <summary>A command over the monitor: takes a moment, and fails when QEMU is not there or refuses.</summary>
    private async Task<QemuDrive> MonitorAsync(CancellationToken ct)
    {
        var drive = await PatientAsync(ct);
        return Refuses() ? throw Refused() : drive;
    }

    private bool Refuses() => instance.MonitorRefuses > 0 && _prng.Chance(instance.MonitorRefuses);

    private TapException Refused() => new(TapFault.Refused, $"{instance.Name} is somebody else's for a moment");

    /// <summary>The same of one that waits until it is not refused.</summary>
    private async Task<QemuDrive> PatientAsync(CancellationToken ct)
    {
        if (instance.MonitorDelay > TimeSpan.Zero)
            await agent.Clock.DelayAsync(instance.MonitorDelay * _prng.NextDouble(), ct);
        return await ExportAsync(ct);
    }

    /// <summary>The same of the export that gaps are read through, which is no slower when the monitor is.</summary>
    private async Task<QemuDrive> ExportAsync(CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (!instance.Running) throw new TapException(TapFault.MonitorUnreachable, $"{instance.Name} does not run");
        var drive = instance.Drive(disk);
        await StepAsync(drive, ct);
        return drive;
    }

    private async Task StepAsync(QemuDrive drive, CancellationToken ct)
    {
        await agent.Clock.DelayAsync(TimeSpan.FromMicroseconds(_prng.Next(50, 1000)), ct);
        if (!drive.Process.Alive) throw new TapException(TapFault.InstanceGone, $"{instance.Name} is gone");
    }

    private async Task InsideAsync(QemuDrive drive, Func<Task> action, CancellationToken ct)
    {
        try
        {
            await drive.Process.CallAsync(action).WaitAsync(ct);
        }
        catch (ProcessDiedException e)
        {
            throw new TapException(TapFault.InstanceGone, $"{instance.Name} is gone", e);
        }
    }
}
