// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Replication.Replicas;

public sealed partial class Replica
{
    private readonly Lock _pointsLock = new();
    private readonly List<RecoveryPoint> _unsealed = [];
    private volatile RecoveryPoint[] _points = [];
    private volatile Retention _retention;

    /// <summary>Which points stay as they age; the next fold goes by it.</summary>
    public Retention Retention
    {
        get => _retention;
        set => _retention = value;
    }

    /// <summary>Sealed points that can be opened, oldest first. A snapshot; pinned ones say so.</summary>
    public IReadOnlyList<RecoveryPoint> Points => _points;

    /// <summary>Names of pins.</summary>
    public IReadOnlyList<string> Pins => [.. _manifest.Pins.Select(p => p.Name)];

    /// <summary>Keeps a point until unpinned. Pinning again under the same name changes nothing.</summary>
    /// <exception cref="ReplicaException">PointUnknown.</exception>
    public async Task PinAsync(string name, Guid pointId, CancellationToken ct)
    {
        await _stateGate.EnterAsync(ct);
        try
        {
            if (_manifest.Pins.Any(p => p.Name == name && p.PointId == pointId)) return;
            var point = Points.FirstOrDefault(p => p.Id == pointId)
                ?? throw new ReplicaException(ReplicaFault.PointUnknown, $"there is no recovery point {pointId}");
            var pin = new ManifestPin(name, pointId, point.Sequence);
            await ChangeLockedAsync(m => m with { Pins = [.. m.Pins.Where(p => p.Name != name), pin] });
            ReplacePoints(points => points.Select(Seal));
        }
        finally
        {
            _stateGate.Leave();
        }
    }

    /// <summary>Unpinning what is not pinned succeeds.</summary>
    public async Task UnpinAsync(string name, CancellationToken ct)
    {
        await _stateGate.EnterAsync(ct);
        try
        {
            if (_manifest.Pins.All(p => p.Name != name)) return;
            await ChangeLockedAsync(m => m with { Pins = [.. m.Pins.Where(p => p.Name != name)] });
            ReplacePoints(points => points.Select(Seal));
        }
        finally
        {
            _stateGate.Leave();
        }
    }

    private void AddUnsealed(List<RecoveryPoint> cuts)
    {
        lock (_pointsLock) _unsealed.AddRange(cuts);
    }

    private IReadOnlyList<RecoveryPoint> SealUpTo(long durable)
    {
        lock (_pointsLock)
        {
            var count = _unsealed.TakeWhile(p => p.Sequence <= durable).Count();
            if (count == 0) return [];
            RecoveryPoint[] now = [.. _unsealed.Take(count).Select(Seal)];
            _unsealed.RemoveRange(0, count);
            _points = [.. _points, .. now];
            return now;
        }
    }

    /// <summary>The newest point that has lost nothing to damage; null: there is none.</summary>
    public RecoveryPoint? NewestSound =>
        _points.LastOrDefault(p => p.State != PointState.Damaged && !p.IsOrigin);

    private RecoveryPoint Seal(RecoveryPoint point) => point with
    {
        State = IsDamaged(point.Sequence) ? PointState.Damaged
            : IsPinned(point) ? PointState.Pinned : PointState.Sealed,
        Without = Later(point) is { Count: > 0 } later ? later : null,
    };

    private List<string> Later(RecoveryPoint point) => [.. _volumeSizes.LaterThan(point.Sequence)
        .Select(index => Definition.Volumes.FirstOrDefault(v => v.Index == index)?.Name).OfType<string>()];

    private bool IsPinned(RecoveryPoint point) => _manifest.Pins.Any(p => p.PointId == point.Id);

    private void ReplacePoints(Func<IEnumerable<RecoveryPoint>, IEnumerable<RecoveryPoint>> change)
    {
        lock (_pointsLock) _points = [.. change(_points)];
    }
}
