// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Replication.Replicas;

/// <summary>
/// Checks records from the wire against the end of a replica, without changing anything. The sender may be broken, old
/// or hostile: whatever passes here is applied to disks that somebody will boot from.
/// </summary>
/// <param name="mayShrink">There is no point yet that could need what a shorter volume has no more.</param>
internal sealed class RecordCheck(Epoch epoch, Guid streamId, long last, StreamState state,
    IReadOnlyDictionary<ushort, long> sizes, bool mayShrink, bool acceptOldEpoch)
{
    private const long SizeMax = 1L << 46; // 64 TiB

    private bool _ofStream = state.StreamId == streamId && streamId != Guid.Empty;
    private readonly Dictionary<ushort, long> _sizes = new(sizes);
    private long _sequence;

    /// <summary>The stream behind the last record checked.</summary>
    public StreamState State { get; private set; } = state;
    /// <summary>Bytes at the start that the replica has already.</summary>
    public int Skip { get; private set; }
    public List<RecordHeader> Marks { get; } = [];
    public List<RecoveryPoint> Cuts { get; } = [];
    /// <summary>Volumes whose size is stated, with the last of it.</summary>
    public Dictionary<ushort, long> Sizes { get; } = [];

    public ReplicaAppendOutcome Run(long firstSequence, ReadOnlySpan<byte> records)
    {
        if (firstSequence > last + 1) return ReplicaAppendOutcome.SequenceGap;
        _sequence = firstSequence;
        for (var at = 0; at < records.Length; _sequence++)
        {
            if (RecordCodec.TryRead(records[at..], out var header, out var length) != RecordReadOutcome.Read)
                return ReplicaAppendOutcome.Corrupt;
            if (header.Sequence != _sequence) return ReplicaAppendOutcome.SequenceGap;
            var data = records.Slice(at + RecordCodec.HeaderLength, header.DataLength);
            if (_sequence <= last)
            {
                if (!_ofStream) return ReplicaAppendOutcome.UnknownStream;
                Skip = at + length;
            }
            else if (Check(header, data) is var outcome and not ReplicaAppendOutcome.Appended) return outcome;
            at += length;
        }
        return Skip == records.Length ? ReplicaAppendOutcome.Duplicate : ReplicaAppendOutcome.Appended;
    }

    private ReplicaAppendOutcome Check(in RecordHeader header, ReadOnlySpan<byte> data)
    {
        if (header.Epoch < epoch.Value && !acceptOldEpoch) return ReplicaAppendOutcome.StaleEpoch;
        if (header.Epoch > epoch.Value) return ReplicaAppendOutcome.EpochAhead;
        if (!_ofStream && header.Kind != RecordKind.BatchBegin) return ReplicaAppendOutcome.UnknownStream;
        var outcome = header.Kind switch
        {
            RecordKind.Write or RecordKind.Zero => CheckRange(header),
            RecordKind.VolumeSize => CheckSize(header),
            RecordKind.Checkpoint => CheckCut(header, data),
            RecordKind.BatchBegin or RecordKind.BatchEnd => CheckBatch(header, data),
            RecordKind.Lost => ReplicaAppendOutcome.Corrupt, // never on the wire
        };
        if (outcome != ReplicaAppendOutcome.Appended) return outcome;
        State = State.After(header, data);
        if (!header.TouchesVolume) Marks.Add(header);
        return outcome;
    }

    private ReplicaAppendOutcome CheckRange(in RecordHeader header)
    {
        if (!_sizes.TryGetValue(header.Volume, out var size)) return ReplicaAppendOutcome.UnknownVolume;
        return header.Offset > size - header.Length ? ReplicaAppendOutcome.OutOfRange : ReplicaAppendOutcome.Appended;
    }

    // What was there before the end of a shorter volume cannot be given back, so it never becomes shorter.
    private ReplicaAppendOutcome CheckSize(in RecordHeader header)
    {
        if (!_sizes.TryGetValue(header.Volume, out var before)) return ReplicaAppendOutcome.UnknownVolume;
        if ((header.Offset < before && !mayShrink) || header.Offset > SizeMax) return ReplicaAppendOutcome.OutOfRange;
        if (!State.InBatch) return ReplicaAppendOutcome.Corrupt;
        Sizes[header.Volume] = _sizes[header.Volume] = header.Offset;
        return ReplicaAppendOutcome.Appended;
    }

    private ReplicaAppendOutcome CheckCut(in RecordHeader header, ReadOnlySpan<byte> data)
    {
        if (header.Flags.HasFlag(RecordFlags.Withdrawn)) return ReplicaAppendOutcome.Appended;
        if (State.InBatch) return ReplicaAppendOutcome.CheckpointInBatch;
        if (!CheckpointPayload.TryDecode(data, out var point) || point!.Sequence != header.Sequence)
            return ReplicaAppendOutcome.Corrupt;
        Cuts.Add(point);
        return ReplicaAppendOutcome.Appended;
    }

    private ReplicaAppendOutcome CheckBatch(in RecordHeader header, ReadOnlySpan<byte> data)
    {
        if (!BatchPayload.TryDecode(data, out var stream, out var volumes) || stream != streamId)
            return ReplicaAppendOutcome.Corrupt;
        if (volumes.Any(v => !_sizes.ContainsKey(v))) return ReplicaAppendOutcome.UnknownVolume;
        if (header.Kind == RecordKind.BatchEnd && !State.InBatch) return ReplicaAppendOutcome.Corrupt;
        _ofStream = true;
        return ReplicaAppendOutcome.Appended;
    }
}
