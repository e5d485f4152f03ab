// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Outbox;

/// <summary>A buffer of whole records in order, linked to the next one.</summary>
internal sealed class OutboxChunk(byte[] buffer)
{
    public byte[] Buffer = buffer;
    public int Used;
    public OutboxChunk? Next;
    /// <summary>A run of it was shipped: until all of that is durable somebody may copy from it.</summary>
    public bool Lent;
    /// <summary>A run of it is being written to the log.</summary>
    public bool Spilling;

    public int Room => Buffer.Length - Used;
}

/// <summary>Where a record begins: a chunk and an offset in it.</summary>
internal readonly record struct OutboxPosition(OutboxChunk Chunk, int Offset);

/// <summary>A run of whole records that may be copied without a lock: their bytes do not change any more.</summary>
internal readonly record struct OutboxRun(ReadOnlyMemory<byte> Records, long First, int Count)
{
    public long Last => First + Count - 1;
}
