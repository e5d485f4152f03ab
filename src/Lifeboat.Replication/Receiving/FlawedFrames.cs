// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;

namespace Lifeboat.Replication.Receiving;

/// <summary>
/// What a broken receiver would make of records; see <see cref="EngineFlaws"/>. Never used without one.
/// </summary>
internal static class FlawedFrames
{
    /// <summary>Neighbouring writes change places, pair by pair.</summary>
    public static ReadOnlyMemory<byte> Swap(ReadOnlyMemory<byte> records)
    {
        var all = Split(records);
        for (var i = 0; i + 1 < all.Count; i++)
        {
            if (!all[i].Header.TouchesVolume || !all[i + 1].Header.TouchesVolume) continue;
            var (first, second) = (all[i], all[i + 1]);
            all[i] = (second.Header with { Sequence = first.Header.Sequence }, second.Data);
            all[i + 1] = (first.Header with { Sequence = second.Header.Sequence }, first.Data);
            i++;
        }
        return Join(all, records.Length);
    }

    private static List<(RecordHeader Header, ReadOnlyMemory<byte> Data)> Split(ReadOnlyMemory<byte> records)
    {
        var all = new List<(RecordHeader, ReadOnlyMemory<byte>)>();
        while (RecordCodec.TryRead(records.Span, out var header, out var length) == RecordReadOutcome.Read)
        {
            all.Add((header, RecordCodec.DataOf(records, header)));
            records = records[length..];
        }
        return all;
    }

    private static byte[] Join(List<(RecordHeader Header, ReadOnlyMemory<byte> Data)> all, int length)
    {
        var joined = new byte[length];
        var at = 0;
        foreach (var (header, data) in all) at += RecordCodec.Write(joined.AsSpan(at), header, data.Span);
        return joined;
    }
}
