// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Checkpoints;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Moments;
using Lifeboat.Replication.Moments.Snapshots;
using Lifeboat.Replication.Shipping;
using Lifeboat.Testing.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Testing.Simulation;

// The source side: captures the wanted instance in the wanted epoch.
public sealed partial class SimulatedAgent
{
    private GroupSource? _source;
    private Epoch _sourceEpoch;
    private IReadOnlyList<SimulatedDiskTap> _taps = [];
    private IMomentTap? _moments;

    public async Task StartSourceAsync()
    {
        if (_host.SourceWanted is not { } epoch) return;
        if (_source is not null && _sourceEpoch == epoch) return;
        await StopSourceAsync(uninstall: false);
        if (_host.SourceWanted != epoch || _source is not null) return;
        var instance = _host.Instance!;
        var policy = _host.Group!.Policy;
        _moments = MomentTap(policy.Source, instance);
        _taps = _moments is not null ? [] : [.. instance.Disks.Select(d =>
            new SimulatedDiskTap(instance, d.Index, Process)
            {
                Attached = dirty => _world.Resyncs.Attached(_host, d, dirty),
            })];
        var source = new GroupSource(new GroupSourceOptions
        {
            Group = "g1",
            RecoverySite = _host.Peer.Name,
            Epoch = epoch,
            Target = _host.Peer.Address,
            Volumes = [.. instance.Disks.Select(d => new SourceDisk((ushort)d.Index, $"db1.{d.Name}", d.SizeBytes,
                _taps.ElementAtOrDefault(d.Index)))],
            Moments = _moments is null ? null : new MomentOptions(_moments, policy.SourcePeriod),
            Policy = policy,
            Budget = new LinkBudget(Process.Clock) { Settings = _world.Climate.Link },
            Seed = _prng.NextUInt64(),
            Log = _world.Climate.HasLog ? new SimulatedStorage(_host.LogDisk, "outbox") : null,
            LogReserveBytes = 0,
            Maps = new SimulatedStorage(_host.Memory, "maps"),
            LogAboveBytes = _world.Climate.LogAboveBytes,
            Suspension = _host.Suspended,
        }, _world.Network.LinkOf(_host.Name, Process), Process.Clock, NullLogger<GroupSource>.Instance, _world.Flaws);
        (_source, _sourceEpoch) = (source, epoch);
        Process.Start(() => source.RunAsync(default));
        if (_world.Climate.Quiesces) Process.Start(() => QuiesceAsync(source));
    }

    private IMomentTap? MomentTap(ChangeSource source, SimulatedInstance instance) => source switch
    {
        ChangeSource.Continuous => null,
        ChangeSource.Bitmap => new SimulatedMomentTap(instance, Process)
        {
            Taken = (disk, dirty) => _world.Resyncs.Attached(_host, disk, dirty),
        },
        ChangeSource.SnapshotDiff => new SnapshotMomentTap(
            new SimulatedDiskSnapshots(instance.Disks, StorageStepAsync,
                (action, ct) => AtOnceAsync(instance, action, ct), Process.Clock)
            {
                Listed = (disk, bytes) => _world.Resyncs.Attached(_host, disk, bytes),
            }),
        ChangeSource.Backup or ChangeSource.PoolMirror =>
            throw new InvalidOperationException("no agent moves a group that its cloud moves"),
    };

    // The storage is reached over a network.
    private async Task StorageStepAsync(CancellationToken ct)
    {
        await Process.Clock.DelayAsync(TimeSpan.FromMicroseconds(_prng.Next(50, 2000)), ct);
    }

    private static async Task AtOnceAsync(SimulatedInstance instance, Action action, CancellationToken ct)
    {
        if (!instance.Running) throw new TapException(TapFault.MonitorUnreachable, $"{instance.Name} does not run");
        if (instance.Disks.Any(d => !instance.Drive(d.Index).Plugged))
            throw new TapException(TapFault.DiskNotFound, $"{instance.Name} lacks a disk");
        try
        {
            await instance.Process!.CallAsync(() => instance.DrainedAsync(action)).WaitAsync(ct);
        }
        catch (ProcessDiedException e)
        {
            throw new TapException(TapFault.InstanceGone, $"{instance.Name} is gone", e);
        }
    }

    /// <summary>Passes on what the site was told last.</summary>
    internal void ApplySuspension() => _source?.Suspend(_host.Suspended);

    public async Task StopSourceAsync(bool uninstall)
    {
        if (_source is not { } source)
        {
            if (uninstall) await UninstallAsync();
            return;
        }
        await source.StopAsync(uninstall, default);
        foreach (var tap in _taps) await tap.DisposeAsync();
        if (_moments is { } moments) await moments.DisposeAsync();
        if (_source == source) _source = null;
    }

    public async Task<CheckpointResult> CheckpointAsync(CheckpointRequest request)
    {
        if (_source is not { } source)
            throw new ProblemException(ReasonCode.WrongState, "this site is not the source");
        var quiesced = new Dictionary<string, Consistency>();
        if (request.CleanShutdown) quiesced[SimulatedHost.InstanceName] = Consistency.CleanShutdown;
        var cut = await source.CheckpointAsync(quiesced, request.Label, null, default);
        if (cut.Point is not { } point) throw new ProblemException(cut.Reason, cut.Detail ?? "no checkpoint");
        var fate = request.WaitSealed is { } limit
            ? await source.WaitSealedAsync(point.Id, limit, default)
            : PointFate.TimedOut;
        if (fate is PointFate.Lost or PointFate.Unknown)
            throw new ProblemException(ReasonCode.CaptureLost, "the point was lost before it was sealed");
        return new CheckpointResult(point, fate is PointFate.Sealed, cut.Held, null);
    }

    public SourceStatus? SourceStatus()
    {
        if (SourceSnapshot() is not { } s) return null;
        return new SourceStatus
        {
            Group = s.Group,
            Phase = (SourcePhase)s.Phase,
            Reason = s.Reason,
            Detail = s.Detail,
            Since = s.Since,
            Epoch = s.Epoch,
            CapturedSequence = s.CapturedSequence,
            DurableSequence = s.DurableSequence,
            OutboxBytes = s.OutboxBytes,
            Outbox = new OutboxStatus((Contracts.Agents.OutboxRung)s.Outbox.Rung, s.Outbox.Reason, s.Outbox.Since,
                s.Outbox.MemoryBytes, s.Outbox.LogBytes),
            Suspension = s.Suspension,
            Lag = s.Lag,
            CapturedBytes = s.CapturedBytes,
            ShippedBytes = s.ShippedBytes,
            LastResync = (ResyncKind)s.LastSync,
            ResyncMovedBytes = s.SyncMovedBytes,
            ResyncExaminedBytes = s.SyncExaminedBytes,
            ResyncDigestBytes = s.SyncDigestBytes,
            ResyncProgress = s.SyncProgress,
            Attaches = s.Attaches,
            LastSealed = s.LastSealed,
            Volumes = [.. s.Volumes.Select(v => new VolumeStatus(v.Name, v.Captured, v.Detail))],
        };
    }

    private SourceSnapshot? SourceSnapshot() => _source?.Snapshot();

    // An agent that was killed after a stop was asked for: whoever asks again finds only what it left in the
    // instance.
    private async Task UninstallAsync()
    {
        if (_host.Instance is not { Running: true } instance) return;
        foreach (var disk in instance.Disks)
        {
            await using var tap = new SimulatedDiskTap(instance, disk.Index, Process);
            try
            {
                await tap.UninstallAsync(default);
            }
            catch (TapException)
            {
                // The instance is gone, and with it whatever was in it.
            }
        }
    }
}
