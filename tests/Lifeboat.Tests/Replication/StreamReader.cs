// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Outbox;

namespace Lifeboat.Tests.Replication;

/// <summary>Takes everything out of a stream that it would ship, and applies it as a replica would.</summary>
internal static class StreamReader
{
    public static List<(RecordHeader Header, byte[] Data)> Take(CaptureStream stream)
    {
        var records = new List<(RecordHeader, byte[])>();
        while (stream.TryTake(RecordOutbox.ChunkLength, out var run))
        {
            var left = run.Records;
            for (var i = 0; i < run.Count; i++)
            {
                if (RecordCodec.TryRead(left.Span, out var header, out var length) != RecordReadOutcome.Read)
                    throw new InvalidOperationException($"no record {run.First + i}");
                if (header.Sequence != run.First + i) throw new InvalidOperationException("sequences have a gap");
                records.Add((header, RecordCodec.DataOf(left, header).ToArray()));
                left = left[length..];
            }
            if (!left.IsEmpty) throw new InvalidOperationException("bytes behind the last record");
        }
        return records;
    }

    public static void Apply(IEnumerable<(RecordHeader Header, byte[] Data)> records, ushort volume, byte[] image)
    {
        foreach (var (header, data) in records)
        {
            if (!header.TouchesVolume || header.Volume != volume) continue;
            var target = image.AsSpan((int)header.Offset, (int)header.Length);
            if (header.Kind == RecordKind.Zero) target.Clear();
            else data.CopyTo(target);
        }
    }
}
