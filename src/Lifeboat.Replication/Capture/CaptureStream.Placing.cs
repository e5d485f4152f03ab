// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Replication.Outbox;

namespace Lifeboat.Replication.Capture;

// Long writes are received where they stay: into a buffer that becomes a chunk of the outbox. Its place in the order is
// given when all of it is there, as with every write, so a slow sender holds nobody up.
public sealed partial class CaptureStream
{
    internal Memory<byte> Place(int length)
    {
        byte[]? buffer;
        lock (_gate) buffer = _outbox.TakeFree();
        buffer ??= RecordOutbox.NewBuffer();
        return buffer.AsMemory(
            RecordCodec.HeaderLength, Math.Min(length, RecordOutbox.ChunkLength - RecordCodec.HeaderLength));
    }

    /// <summary>Memory that a busier time has left and nobody has needed since the last call.</summary>
    internal void Trim()
    {
        IReadOnlyList<byte[]> dropped;
        lock (_gate) dropped = _outbox.Trim();
        foreach (var buffer in dropped) SpareMemory.GiveBack(buffer); // not under the lock
    }

    internal bool AppendPlaced(VolumeSink sink, long offset, Memory<byte> place)
    {
        MemoryMarshal.TryGetArray<byte>(place, out var data);
        Invariant.Holds(data is { Array.Length: RecordOutbox.ChunkLength, Offset: RecordCodec.HeaderLength },
            "what is placed was had here");
        var register = Crc32C.Append(0, place.Span); // not under the lock
        lock (_gate)
        {
            if (!MayAppend(sink, offset, place.Length)) return false;
            if (IsFlawed()) return true;
            var state = sink.State;
            if (!_outbox.TryAdopt(data.Array)) return GiveUpLocked(ReasonCode.OutboxFull);
            state.Touched = true;
            var header = RecordHeader.Write(
                state.Index, _outbox.Last + 1, Epoch.Value, offset, place.Length, NowMicros());
            _outbox.Commit(RecordCodec.Seal(data.Array, header, register));
            Volatile.Write(ref _lastSequence, _outbox.Last);
            Captured(state, offset, place.Length);
        }
        _toShip.Set();
        return true;
    }
}
