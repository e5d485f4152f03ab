// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;

namespace Lifeboat.Replication.Replicas;

// Which sequences are a consistent state. A sequence is one when the next mark at or behind it is a checkpoint: the
// source confirmed then that every mirror had been intact, and a mirror never comes back without a batch. Between the
// last checkpoint and a batch begin nobody can say: a write of a disk whose mirror had failed may be missing.
internal sealed class StreamMarks
{
    private readonly Lock _lock = new();
    private readonly List<(long Sequence, RecordKind Kind)> _marks = [];

    public void Add(in RecordHeader header)
    {
        if (header.TouchesVolume || header.Kind == RecordKind.VolumeSize
            || header.Flags.HasFlag(RecordFlags.Withdrawn)) return;
        lock (_lock) _marks.Add((header.Sequence, header.Kind));
    }

    public bool IsConsistent(long sequence)
    {
        lock (_lock)
        {
            var next = FirstFrom(sequence);
            if (next >= _marks.Count || _marks[next].Kind != RecordKind.Checkpoint) return false;
            return next == 0 || _marks[next - 1].Kind != RecordKind.BatchBegin;
        }
    }

    /// <summary>Sequence of the last one that is known; 0: none is.</summary>
    public long LastBatchBegin
    {
        get
        {
            lock (_lock) return _marks.FindLast(m => m.Kind == RecordKind.BatchBegin).Sequence;
        }
    }

    public void Forget(long before)
    {
        lock (_lock) _marks.RemoveRange(0, FirstFrom(before));
    }

    private int FirstFrom(long sequence)
    {
        int low = 0, high = _marks.Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_marks[middle].Sequence < sequence) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
