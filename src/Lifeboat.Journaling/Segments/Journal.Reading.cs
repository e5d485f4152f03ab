// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;

namespace Lifeboat.Journaling.Segments;

public sealed partial class Journal
{
    /// <summary>Records of a range in order. Hold the journal from its beginning while reading.</summary>
    /// <param name="passDamage">Damaged records do not end it; see <see cref="JournalReader.Damage"/>.</param>
    /// <param name="kept">Where what is read is to stay; null: it is overwritten by the next.</param>
    public JournalReader Read(long fromSequence, long toSequence, bool passDamage = false,
        KeptStretches? kept = null) => new(this, fromSequence, toSequence, passDamage, kept);

    /// <summary>
    /// Nobody follows the appends closely, up to here or at all: the memory that was kept for that goes.
    /// </summary>
    public void ForgetWarm(long upToSequence) => _warm.Forget(upToSequence);

    internal WarmAppend? FindWarm(Segment segment, long position, int length, out ReadOnlyMemory<byte> bytes) =>
        _warm.Find(segment, position, length, out bytes);

    /// <summary>
    /// Tells what records of a range are about, through the index without reading data: the headers' epoch and length
    /// of data are 0.
    /// </summary>
    public async ValueTask VisitAsync(
        long fromSequence, long toSequence, Action<RecordHeader> visit, CancellationToken ct)
    {
        foreach (var segment in Segments)
        {
            if (segment.LastSequence < fromSequence || segment.FirstSequence > toSequence) continue;
            var entries = await EntriesOfAsync(segment, ct);
            var first = Math.Max(fromSequence, segment.FirstSequence);
            var last = Math.Min(toSequence, segment.FirstSequence + entries.Count - 1);
            for (var sequence = first; sequence <= last; sequence++)
                visit(entries[(int)(sequence - segment.FirstSequence)].ToHeader(sequence));
        }
    }

    /// <summary>
    /// Sequences of all records that are no writes or zeroes, found through the index without reading data.
    /// </summary>
    public async ValueTask<IReadOnlyList<long>> MarksAsync(long fromSequence, CancellationToken ct)
    {
        var marks = new List<long>();
        foreach (var segment in Segments)
        {
            if (segment.LastSequence < fromSequence) continue;
            var entries = await EntriesOfAsync(segment, ct);
            for (var i = (int)Math.Max(0, fromSequence - segment.FirstSequence); i < entries.Count; i++)
                if (entries[i].Kind is not (RecordKind.Write or RecordKind.Zero)) marks.Add(segment.FirstSequence + i);
        }
        return marks;
    }

    /// <summary>What is stated of volumes' sizes, found through the index without reading records.</summary>
    public async ValueTask<IReadOnlyList<RecordHeader>> VolumeSizesAsync(long fromSequence, CancellationToken ct)
    {
        var sizes = new List<RecordHeader>();
        foreach (var segment in Segments)
        {
            if (segment.LastSequence < fromSequence) continue;
            var entries = await EntriesOfAsync(segment, ct);
            for (var i = (int)Math.Max(0, fromSequence - segment.FirstSequence); i < entries.Count; i++)
                if (entries[i].Kind == RecordKind.VolumeSize)
                    sizes.Add(entries[i].ToHeader(segment.FirstSequence + i));
        }
        return sizes;
    }
}
