// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Replication.Checkpoints;

/// <summary>What became of a checkpoint.</summary>
public enum PointFate
{
    Sealed = 1,
    /// <summary>Capture was given up, or the point withdrawn, before it was durable: it is no recovery point.</summary>
    Lost = 2,
    TimedOut = 3,
    /// <summary>No such point was cut by this source, or so long ago that it is forgotten.</summary>
    Unknown = 4,
}

/// <summary>Points that were cut and wait to be sealed, and those that were not long ago. Any thread.</summary>
internal sealed class PointLedger(TimeProvider time)
{
    private const int RememberedMax = 1024;

    private readonly Lock _gate = new();
    private readonly List<(RecoveryPoint Point, TaskCompletionSource<PointFate> Fate)> _open = [];
    private readonly Queue<(Guid Id, Task<PointFate> Fate)> _past = new();
    private RecoveryPoint? _lastSealed;

    public RecoveryPoint? LastSealed
    {
        get { lock (_gate) return _lastSealed; }
    }

    public int OpenCount
    {
        get { lock (_gate) return _open.Count; }
    }

    public void Add(RecoveryPoint point)
    {
        lock (_gate)
            _open.Add((point, new TaskCompletionSource<PointFate>(TaskCreationOptions.RunContinuationsAsynchronously)));
    }

    /// <summary>The recovery site has sealed everything up to this sequence.</summary>
    public void SealUpTo(long sequence) => Close(p => p.Sequence <= sequence, PointFate.Sealed);

    /// <summary>
    /// What the recovery site said when it was met: the newest point that it has; 0: none. It may have lost what was
    /// sealed, with its disk or for an older copy, and then nothing is to be told of that any more.
    /// </summary>
    public void Meet(long newest)
    {
        lock (_gate)
            if (_lastSealed?.Sequence > newest) _lastSealed = null;
    }

    /// <summary>Sequences above this one were given up and will be used again.</summary>
    public void DropAbove(long sequence) => Close(p => p.Sequence > sequence, PointFate.Lost);

    public void Drop(Guid id) => Close(p => p.Id == id, PointFate.Lost);

    public async Task<PointFate> WaitAsync(Guid id, TimeSpan limit, CancellationToken ct)
    {
        Task<PointFate>? fate;
        lock (_gate)
            fate = _open.Find(o => o.Point.Id == id).Fate?.Task ?? _past.FirstOrDefault(p => p.Id == id).Fate;
        if (fate is null) return PointFate.Unknown;
        return await Waiting.ForAsync(fate.ArriveAsync, limit, time, ct) ? await fate : PointFate.TimedOut;
    }

    private void Close(Func<RecoveryPoint, bool> which, PointFate fate)
    {
        lock (_gate)
        {
            for (var i = 0; i < _open.Count; i++)
            {
                var (point, waiter) = _open[i];
                if (!which(point)) continue;
                _open.RemoveAt(i--);
                if (fate == PointFate.Sealed) _lastSealed = point with { State = PointState.Sealed };
                waiter.TrySetResult(fate);
                _past.Enqueue((point.Id, waiter.Task));
                if (_past.Count > RememberedMax) _past.Dequeue();
            }
        }
    }
}
