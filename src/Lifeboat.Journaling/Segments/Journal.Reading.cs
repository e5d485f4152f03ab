// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;

namespace Lifeboat.Journaling.Segments;

public sealed partial class Journal
{
    /// <summary>Records of a range in order. Hold the journal from its beginning while reading.</summary>
    public JournalReader Read(long fromSequence, long toSequence) => new(this, fromSequence, toSequence);

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
            for (var i = Math.Max(0, fromSequence - segment.FirstSequence); i < entries.Length; i++)
                if (entries[i].Kind is not (RecordKind.Write or RecordKind.Zero)) marks.Add(segment.FirstSequence + i);
        }
        return marks;
    }
}
