// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;

namespace Lifeboat.Replication.Replicas;

/// <summary>What the records up to some sequence say of the stream.</summary>
/// <param name="StreamId">Of the last batch begin; empty: none yet.</param>
/// <param name="InBatch">Order is given up: no cut is valid here.</param>
internal readonly record struct StreamState(Guid StreamId, bool InBatch)
{
    /// <summary>The state behind a record that was checked when it was appended.</summary>
    public StreamState After(in RecordHeader header, ReadOnlySpan<byte> data) => header.Kind switch
    {
        RecordKind.BatchBegin when BatchPayload.TryDecode(data, out var stream, out _) => new(stream, true),
        // Damaged: of which stream it was nobody can say, so the next one is a new one.
        RecordKind.BatchBegin => new(Guid.Empty, true),
        RecordKind.Lost => new(Guid.Empty, true), // it may have been one
        RecordKind.BatchEnd => this with { InBatch = false },
        RecordKind.Write or RecordKind.Zero or RecordKind.Checkpoint or RecordKind.VolumeSize => this,
    };
}
