// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Oracle;

/// <summary>
/// All that one disk holds: its header and its records by ordinal, with what is wrong. Prefix, on one disk, means:
/// ordinals are contiguous up to the newest, each names the one before, and only the next slot may be torn.
/// </summary>
/// <param name="Name">For texts.</param>
/// <param name="Records">By ordinal, rising.</param>
/// <param name="TornSlot">The slot of a write that was under way.</param>
internal sealed record DiskLedger(
    string Name, OracleHeader? Header, IReadOnlyList<OracleRecord> Records, long? TornSlot,
    IReadOnlyList<string> Problems)
{
    private const int ChunkBytes = 4 << 20;

    /// <summary>True when the disk holds neither header nor anything else: it was never written.</summary>
    public bool Fresh => Header is null && Problems.Count == 0;

    /// <summary>True when its oldest records have been overwritten.</summary>
    public bool HasWrapped => Records.Count > 0 && Records[0].Ordinal > 1 && Records[^1].Ordinal >= Header!.Slots;

    public static async Task<DiskLedger> ReadAsync(string name, Stream disk, CancellationToken ct)
    {
        var block = new byte[OracleFormat.HeaderBytes];
        await disk.ReadAtLeastAsync(block, block.Length, throwOnEndOfStream: false, ct);
        var header = OracleHeader.Parse(block, out var problem);
        if (header is null) return new DiskLedger(name, null, [], null, problem is null ? [] : [$"{name} {problem}"]);
        var slots = new SlotScan(name, header);
        var chunk = new byte[Math.Max(ChunkBytes / header.SlotBytes, 1) * header.SlotBytes];
        for (long slot = 0; slot < header.Slots;)
        {
            var got = await disk.ReadAtLeastAsync(chunk, chunk.Length, throwOnEndOfStream: false, ct);
            if (got == 0) break;   // a growing file ends here: the other slots were never written
            if (got % header.SlotBytes != 0) chunk.AsSpan(got).Clear();
            for (var at = 0; at < got && slot < header.Slots; at += header.SlotBytes)
                slots.Take(slot++, chunk.AsSpan(at, header.SlotBytes));
        }
        return slots.Close();
    }

    private sealed class SlotScan(string name, OracleHeader header)
    {
        private readonly List<OracleRecord> _records = [];
        private readonly List<long> _torn = [];
        private readonly List<string> _problems = [];

        public void Take(long slot, ReadOnlySpan<byte> bytes)
        {
            if (!bytes.ContainsAnyExcept((byte)0)) return;
            if (!OracleRecord.TryParse(bytes, out var record)) _torn.Add(slot);
            else if (Misplaced(slot, record) is { } why) Complain($"{name} slot {slot} holds {why}");
            else _records.Add(record);
        }

        public DiskLedger Close()
        {
            _records.Sort((a, b) => a.Ordinal.CompareTo(b.Ordinal));
            var newest = _records.Count == 0 ? 0 : _records[^1].Ordinal;
            var next = newest % header.Slots;
            foreach (var slot in _torn.Where(s => s != next))
                Complain($"{name} slot {slot} holds a record with a wrong checksum and is not the next ({next})");
            var torn = _torn.Contains(next);
            CheckContiguous(newest, torn);
            return new DiskLedger(name, header, _records, torn ? next : null, _problems);
        }

        private void CheckContiguous(long newest, bool nextIsTorn)
        {
            // A ring that has wrapped holds the last `slots` ordinals, one less while its next slot is overwritten.
            var first = newest > header.Slots ? newest - header.Slots + 1 : 1;
            if (nextIsTorn && newest >= header.Slots) first++;
            var expected = first;
            for (var i = 0; i < _records.Count; i++)
            {
                var record = _records[i];
                if (record.Ordinal != expected)
                    Complain($"{name} misses its records {expected} to {record.Ordinal - 1} of {newest}");
                else if (i > 0 && record.Previous != _records[i - 1].N)
                    Complain($"{name} record {record.N} follows {record.Previous}, not {_records[i - 1].N}");
                else if (i > 0 && record.N <= _records[i - 1].N)
                    Complain($"{name} record {record.N} comes after {_records[i - 1].N}");
                else if (record.Ordinal == 1 && record.Previous != 0)
                    Complain($"{name} begins with record {record.N}, which follows {record.Previous}");
                expected = record.Ordinal + 1;
            }
        }

        private string? Misplaced(long slot, in OracleRecord r) =>
            r.Set != header.Set ? $"record {r.N} of another guest"
            : r.Disk != header.Disk || r.Disks != header.Disks ? $"record {r.N} of disk {r.Disk} of {r.Disks}"
            : OracleFormat.DiskOf(header.Set, r.N, header.Disks, header.Seeded) != header.Disk
                ? $"record {r.N}, which belongs on another disk"
            : (r.Ordinal - 1) % header.Slots != slot ? $"record {r.N}, the {r.Ordinal}. of this disk"
            : null;

        private void Complain(string text)
        {
            if (_problems.Count < 20) _problems.Add(text);
        }
    }
}
