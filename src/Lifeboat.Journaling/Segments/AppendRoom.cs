// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Journaling.Segments;

/// <summary>
/// Where records are gathered that are to be appended together. They stand as they will in the file, block for block,
/// so that much of them is written from here, past the page cache, and read from here by who follows closely.
/// </summary>
/// <param name="lead">
/// <see cref="Journal.LeadAfter"/> at this moment. It may turn out to be another: then they are moved once.
/// </param>
public sealed class AppendRoom(int lead)
{
    /// <summary>More records than this fit into none.</summary>
    public const int RecordsMax = IoRoom.Bytes - 2 * IoRoom.BlockBytes - BlockCodec.HeaderLength;

    private readonly IoRoom _room = IoRoom.Rent();

    /// <summary>Bytes of records.</summary>
    public int Length { get; private set; }
    public ReadOnlyMemory<byte> Records => _room.Memory.Slice(Lead + BlockCodec.HeaderLength, Length);

    /// <summary>Bytes between a whole block of the file and the head of the append.</summary>
    internal int Lead { get; private set; } = lead;

    public bool Fits(int length) => Length + length <= RecordsMax;

    /// <summary>Where records that fit are to be put, to be added by <see cref="Take"/> when they are there.</summary>
    public Memory<byte> Free(int length) => _room.Memory.Slice(Lead + BlockCodec.HeaderLength + Length, length);

    /// <summary>So many bytes of records are where they were to be put.</summary>
    public void Take(int length) => Length += length;

    /// <summary>Adds whole records that continue the sequence, as long as they fit.</summary>
    public void Add(ReadOnlySpan<byte> records)
    {
        records.CopyTo(Free(records.Length).Span);
        Take(records.Length);
    }

    /// <summary>From the whole block that the append begins in to the last one that it ends in.</summary>
    internal Memory<byte> Place(int lead)
    {
        if (lead != Lead) _room.Span.Slice(Lead, BlockCodec.HeaderLength + Length).CopyTo(_room.Span[lead..]);
        Lead = lead;
        return _room.Memory[..Journal.WholeBlocks(lead + BlockCodec.HeaderLength + Length)];
    }

    /// <summary>Nobody looks at it any more.</summary>
    public void Return() => _room.Return();
}
