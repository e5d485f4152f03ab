// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Outbox;

/// <summary>
/// How much of the log is not durable at the recovery site yet, and how old it is; to the precision of a run of some
/// 256 KiB, so that hours of small writes cost little memory. Not thread-safe.
/// </summary>
internal sealed class LoggedRuns
{
    private const long RunBytes = 256 << 10;
    private readonly Queue<Run> _runs = new();
    private Run? _newest;

    /// <summary>Last sequence in the log; 0 before the first. What is durable counts no more.</summary>
    public long Last { get; private set; }
    public long Bytes { get; private set; }
    /// <summary>Source clock of the oldest run, at its start; null: none is left.</summary>
    public long? OldestMicros => _runs.TryPeek(out var oldest) ? oldest.Micros : null;

    public void Add(long last, long bytes, long micros)
    {
        Last = last;
        Bytes += bytes;
        if (_newest is { } newest && newest.Bytes + bytes <= RunBytes)
        {
            newest.Last = last;
            newest.Bytes += bytes;
            return;
        }
        _runs.Enqueue(_newest = new Run { Last = last, Bytes = bytes, Micros = micros });
    }

    /// <returns>True: something was dropped.</returns>
    public bool Drop(long durable)
    {
        var before = _runs.Count;
        while (_runs.TryPeek(out var oldest) && oldest.Last <= durable)
        {
            Bytes -= oldest.Bytes;
            _runs.Dequeue();
        }
        if (_runs.Count == 0) _newest = null;
        return _runs.Count < before;
    }

    private sealed class Run
    {
        public required long Last { get; set; }
        public required long Bytes { get; set; }
        public required long Micros { get; init; }
    }
}
