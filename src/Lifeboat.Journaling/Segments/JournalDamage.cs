// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;

namespace Lifeboat.Journaling.Segments;

/// <summary>Which part of a journal is not what was written.</summary>
public enum JournalPart
{
    SegmentHead = 1,
    BlockHead = 2,
    Record = 3,
    Index = 4,
    /// <summary>Records that had been durable are not there any more: the journal ends before them.</summary>
    End = 5,
    /// <summary>Records and all that tells what they were are gone: they may have written anything.</summary>
    Stretch = 6,
}

/// <summary>Damage found in a journal, with its place.</summary>
/// <param name="Position">Byte in the file.</param>
/// <param name="First">First sequence that it concerns.</param>
/// <param name="Last">Last sequence that it concerns.</param>
/// <param name="Kind">Of a damaged record, as the index knows it; else 0.</param>
/// <param name="Volume">Of a damaged record; else 0.</param>
/// <param name="Offset">Of the bytes that are lost with it; else 0.</param>
/// <param name="Length">Bytes that are lost with it; else 0.</param>
/// <param name="Repaired">It could be made again from what is there.</param>
public sealed record JournalDamage(JournalPart Part, string File, long Position, long First, long Last,
    RecordKind Kind, ushort Volume, long Offset, long Length, bool Repaired)
{
    internal static JournalDamage OfRecord(Segment segment, in RecordEntry entry, long sequence)
    {
        if (entry.Kind == RecordKind.Lost)
            return OfStretch(segment, new LostStretch(sequence, sequence, entry.Position));
        // Of all but a write the index says everything: nothing is lost with the record.
        var lost = entry.Kind == RecordKind.Write;
        return new JournalDamage(JournalPart.Record, segment.Name, entry.Position, sequence, sequence, entry.Kind,
            entry.Volume, lost ? entry.Offset : 0, lost ? entry.Length : 0, Repaired: false);
    }

    internal static JournalDamage OfStretch(Segment segment, LostStretch lost) => new(JournalPart.Stretch,
        segment.Name, lost.Position, lost.First, lost.Last, RecordKind.Lost, 0, 0, 0, Repaired: false);

    internal static JournalDamage Mended(JournalPart part, Segment segment, string file, long position) =>
        new(part, file, position, segment.FirstSequence, segment.LastSequence, 0, 0, 0, 0, Repaired: true);

    public override string ToString() => First == Last
        ? $"{Part} of {First} in {File} at byte {Position}"
        : $"{Part} of {First} to {Last} in {File} at byte {Position}";
}
