// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Testing.Simulation;

// Points, pins and views; and what the checkers look at.
public sealed partial class SimulatedAgent
{
    private readonly SortedSet<string> _leased = new(StringComparer.Ordinal);
    private int _audits;

    public Task PinAsync(PinRequest request) =>
        RefusingAsync(() => HolderOf(request.PointId).PinAsync(request.Name, request.PointId, default));

    public Task UnpinAsync(string name) => RefusingAsync(async () =>
    {
        foreach (var kept in _kept.Values.ToArray()) await kept.UnpinAsync(name, default);
        await Open.UnpinAsync(name, default);
    });

    public async Task<ViewInfo> OpenViewAsync(ViewRequest request)
    {
        var replica = HolderOf(request.PointId!.Value);
        var point = replica.Points.FirstOrDefault(p => p.Id == request.PointId)
            ?? throw new ProblemException(ReasonCode.PointUnknown, $"no point {request.PointId}");
        _host.Views[request.Name] = (point, request.Writable);
        await RefusingAsync(() => replica.OpenViewAsync(request.Name, point.Sequence, request.Writable, default));
        if (replica == _replica) _leased.Add(request.Name);
        return new ViewInfo(request.Name, point.Sequence, point.Id, request.Writable,
            [.. replica.Definition.Volumes.Where(v => replica.Sizes[v.Index] > 0).Select(v =>
                new ViewVolume(v.Index, v.Name, request.Name, v.Name, replica.Sizes[v.Index]))]);
    }

    public async Task CloseViewAsync(string name)
    {
        _leased.Remove(name);
        await RefusingAsync(async () =>
        {
            foreach (var kept in _kept.Values.ToArray()) await kept.CloseViewAsync(name, default);
            await Open.CloseViewAsync(name, default);
        });
        _host.Views.Remove(name);
    }

    /// <summary>What an instance started from the view would read.</summary>
    public async Task<IReadOnlyList<byte[]>> ReadViewAsync(string name)
    {
        var (point, writable) = _host.Views[name];
        var replica = HolderOf(point.Id);
        IReadOnlyList<byte[]> content = [];
        await RefusingAsync(async () =>
        {
            var view = await replica.OpenViewAsync(name, point.Sequence, writable, default);
            content = await ReadAsync(replica, view);
        });
        _world.Oracle.Check(point, content, $"view {name} at {_host.Name}");
        return content;
    }

    /// <summary>Opens the newest and some other points and compares each with what its source went through.</summary>
    public async Task AuditAsync(Prng prng, int others)
    {
        if (_replica is not { } replica || _opened is not { } wanted || replica.Points.Count == 0) return;
        await AuditPointAsync(replica, wanted, replica.Points[^1]);
        for (var i = 0; i < others && replica == _replica && replica.Points.Count > 0; i++)
            await AuditPointAsync(replica, wanted, prng.Pick(replica.Points));
        if (replica == _replica && prng.Chance(0.5)) await AuditSequenceAsync(replica, wanted, prng);
    }

    /// <summary>Any sequence that can be opened is some state of the disks, not only the points.</summary>
    private async Task AuditSequenceAsync(Replica replica, WantedReplica wanted, Prng prng)
    {
        var points = replica.Points;
        if (points.Count < 2) return;
        var index = prng.Next(1, points.Count);
        var (before, after) = (points[index - 1], points[index]);
        // A point that is without a disk says so, and what lies behind it is without it too.
        if (before.Epoch != after.Epoch || before.Note is not null || after.Note is not null) return;
        var sequence = prng.Next(before.Sequence, after.Sequence);
        var name = $"audit-{Process.Id}-{++_audits}";
        try
        {
            var view = await replica.OpenViewAsync(name, sequence, writable: false, default);
            var content = await ReadAsync(replica, view);
            _world.Oracle.CheckPrefix(after.Epoch, sequence, content);
            await replica.CloseViewAsync(name, default);
        }
        catch (ReplicaException e) when (IsRefusedAsDamaged(wanted, e))
        {
            await CloseAuditAsync(replica, name);
        }
        catch (ReplicaException e) when (e.Fault == ReplicaFault.SequenceUnknown)
        {
            _world.Count("sequences without a state");
        }
        catch (Exception e) when (e is StorageException or ObjectDisposedException)
        {
            _world.Count("audits cut short");
        }
    }

    private async Task AuditPointAsync(Replica replica, WantedReplica wanted, RecoveryPoint point)
    {
        var name = $"audit-{Process.Id}-{++_audits}";
        try
        {
            var view = await replica.OpenViewAsync(name, point.Sequence, writable: false, default);
            var content = await ReadAsync(replica, view);
            _world.Oracle.Check(point, content, $"audit at {_host.Name}");
            await replica.CloseViewAsync(name, default);
        }
        catch (ReplicaException e) when (IsRefusedAsDamaged(wanted, e))
        {
            await CloseAuditAsync(replica, name);
        }
        catch (ReplicaException e) when (e.Fault == ReplicaFault.SequenceUnknown)
        {
            if (replica == _replica && replica.Points.Any(p => p.Id == point.Id))
                _world.Violate("I10", $"point at {point.Sequence} is listed and cannot be opened: {e.Message}");
        }
        catch (Exception e) when (e is StorageException or ObjectDisposedException)
        {
            _world.Count("audits cut short");
        }
    }

    // What has decayed is refused, never given; also when nobody wants it any more.
    private bool IsRefusedAsDamaged(WantedReplica wanted, ReplicaException e)
    {
        if (e.Fault != ReplicaFault.Damaged || !wanted.HasDecayed) return false;
        _world.Count("damaged states refused");
        return true;
    }

    private async Task CloseAuditAsync(Replica replica, string name)
    {
        try
        {
            await replica.CloseViewAsync(name, default);
        }
        catch (Exception e) when (e is StorageException or ObjectDisposedException)
        {
            _world.Count("audits cut short");
        }
    }

    internal static async Task<IReadOnlyList<byte[]>> ReadAsync(Replica replica, PointInTimeView view)
    {
        var content = new List<byte[]>();
        foreach (var volume in replica.Definition.Volumes.OrderBy(v => v.Index))
        {
            var bytes = new byte[view.Sizes[volume.Index]];
            await view.ReadAsync(volume.Index, 0, bytes, default);
            content.Add(bytes);
        }
        return content;
    }

    private static async Task RefusingAsync(Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (ReplicaException e)
        {
            throw new ProblemException(ReasonCode.PointUnknown, e.Message, cause: e);
        }
        catch (Exception e) when (e is StorageException or ObjectDisposedException)
        {
            throw new ProblemException(ReasonCode.AgentUnreachable, e.Message, cause: e);
        }
    }
}
