// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Oracle;

/// <summary>
/// Whether several disks stopped at one moment. Record n+1 was issued only after n was durable, so a write-ordered cut
/// holds an unbroken run of numbers; a number that is missing while a later one is there shows two moments.
/// </summary>
internal sealed class CutProof
{
    private readonly List<OracleFinding> _findings = [];
    private readonly List<OracleRecord> _records;

    public CutProof(IReadOnlyList<DiskLedger> disks)
    {
        _records = disks.SelectMany(d => d.Records).OrderBy(r => r.N).ToList();
        Newest = _records.Count == 0 ? 0 : _records[^1].N;
        Oldest = disks.Where(d => d.HasWrapped).Select(d => d.Records[0].N).DefaultIfEmpty(1).Max();
        var known = disks.Where(d => d.Header is not null).ToArray();
        if (!CheckMembers(disks, known) || known.Length == 0) return;
        Set = known[0].Header!.Set;
        CheckNumbers(disks, known[0].Header!);
        CheckTorn(disks, known[0].Header!);
        CheckGenerations();
    }

    public long Oldest { get; }
    public long Newest { get; }
    public ulong? Set { get; }
    public bool EndsWithMark => _records.Count > 0 && _records[^1].Mark;
    public IReadOnlyList<OracleFinding> Findings => _findings;

    /// <summary>Newest record of a run; null when it has none here.</summary>
    public long? NewestOf(ulong run)
    {
        var at = _records.FindLastIndex(r => r.Run == run);
        return at < 0 ? null : _records[at].N;
    }

    private bool CheckMembers(IReadOnlyList<DiskLedger> disks, DiskLedger[] known)
    {
        foreach (var disk in disks.Where(d => d.Fresh && _records.Count > 0))
            Fail($"{disk.Name} is empty while other disks hold records up to {Newest}");
        foreach (var twin in known.GroupBy(d => d.Header!.Disk).Where(g => g.Count() > 1))
            Fail($"{string.Join(" and ", twin.Select(d => d.Name))} are both disk {twin.Key}");
        if (known.Select(d => d.Header! with { Disk = 0, Slots = 1 }).Distinct().Count() > 1)
            Fail("the disks are not of one guest");
        if (known.Length > 0 && known[0].Header!.Disks != disks.Count)
            Fail($"the guest has {known[0].Header!.Disks} disks, {disks.Count} are here");
        return _findings.Count == 0;
    }

    private void CheckNumbers(IReadOnlyList<DiskLedger> disks, OracleHeader header)
    {
        var missing = new SortedDictionary<int, (long First, long Last, long Count)>();
        var expected = Oldest;
        foreach (var record in _records.Where(r => r.N >= Oldest))
        {
            if (record.N < expected) Fail($"record {record.N} is there twice");
            for (; expected < record.N; expected++)
            {
                var disk = OracleFormat.DiskOf(header.Set, expected, header.Disks, header.Seeded);
                missing[disk] = missing.TryGetValue(disk, out var m)
                    ? (m.First, expected, m.Count + 1) : (expected, expected, 1);
            }
            expected = record.N + 1;
        }
        foreach (var (disk, m) in missing)
        {
            var name = disks.First(d => d.Header!.Disk == disk).Name;
            Fail($"{name} lacks {m.Count} records ({m.First} to {m.Last}) although the disks reach {Newest}", disk);
        }
        if (missing.Count == 0)
            _findings.Add(new OracleFinding(OracleProperty.OneCut, true,
                $"{disks.Count} disks hold records {Oldest} to {Newest} without a gap"));
    }

    // Only the write that was under way may be torn, and it went to the disk of N+1.
    private void CheckTorn(IReadOnlyList<DiskLedger> disks, OracleHeader header)
    {
        var next = OracleFormat.DiskOf(header.Set, Newest + 1, header.Disks, header.Seeded);
        foreach (var disk in disks.Where(d => d.TornSlot is not null && d.Header!.Disk != next))
            Fail($"{disk.Name} has a torn record in slot {disk.TornSlot}, but record {Newest + 1} goes to disk {next}",
                disk.Header!.Disk);
    }

    private void CheckGenerations()
    {
        var breaks = 0;
        for (var i = 1; i < _records.Count; i++)
        {
            var (before, after) = (_records[i - 1], _records[i]);
            var newRun = before.Run != after.Run;
            if (newRun ? after.Generation > before.Generation : after.Generation == before.Generation) continue;
            if (breaks++ < 5)
                _findings.Add(new OracleFinding(OracleProperty.Generations, false,
                    $"record {after.N} of generation {after.Generation} follows generation {before.Generation}"));
        }
        if (breaks > 0 || _records.Count == 0) return;
        var runs = _records.Select(r => r.Run).Distinct().Count();
        _findings.Add(new OracleFinding(OracleProperty.Generations, true,
            $"{runs} runs in order, the newest of generation {_records[^1].Generation}"));
    }

    private void Fail(string text, int? disk = null) =>
        _findings.Add(new OracleFinding(OracleProperty.OneCut, false, text, disk));
}
