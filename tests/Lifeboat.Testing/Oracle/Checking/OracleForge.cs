// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Oracle;

/// <summary>
/// Writes oracle disks without a guest, and spoils them in known ways, so that a test can see the checker bite.
/// Numbers and places are those that oracle-writer.c would have chosen.
/// </summary>
public sealed class OracleForge
{
    private readonly OracleHeader[] _headers;
    private readonly List<OracleRecord>[] _records;
    private readonly byte[][] _disks;

    public OracleForge(int disks, int slots, int slotBytes = 512, bool seeded = true, ulong set = 0x1122334455667788)
    {
        _headers = Enumerable.Range(0, disks)
            .Select(i => new OracleHeader(i, disks, slotBytes, slots, set, seeded)).ToArray();
        _records = _headers.Select(_ => new List<OracleRecord>()).ToArray();
        _disks = _headers.Select(_ => new byte[OracleFormat.HeaderBytes + slots * slotBytes]).ToArray();
        for (var i = 0; i < disks; i++) _headers[i].Write(_disks[i].AsSpan(0, OracleFormat.HeaderBytes));
    }

    public long Newest { get; private set; }
    public ulong Set => _headers[0].Set;
    public ReadOnlyMemory<byte> Disk(int disk) => _disks[disk];
    public int DiskOf(long n) => OracleFormat.DiskOf(Set, n, _headers.Length, _headers[0].Seeded);

    /// <summary>Goes on by so many records in one boot of the guest.</summary>
    public OracleForge Append(int count, ulong run = 1, long generation = 1, bool endWithMark = false)
    {
        for (var i = 1; i <= count; i++) Append(++Newest, run, generation, endWithMark && i == count);
        return this;
    }

    /// <summary>The slot of record n becomes zeroes, as if its write had been lost.</summary>
    public OracleForge Lose(long n)
    {
        Slot(n).Clear();
        return this;
    }

    /// <summary>One bit of record n turns.</summary>
    public OracleForge Flip(long n, int at = 200)
    {
        Slot(n)[at] ^= 0x10;
        return this;
    }

    /// <summary>The disk loses its newest records, as if it had stopped at an earlier moment than the others.</summary>
    public OracleForge RollBack(int disk, int records)
    {
        foreach (var record in _records[disk].TakeLast(records)) Slot(record.N).Clear();
        return this;
    }

    /// <summary>Record n is only half there: its write was under way.</summary>
    public OracleForge Tear(long n)
    {
        var slot = Slot(n);
        slot[(slot.Length / 2)..].Clear();
        return this;
    }

    /// <summary>The slot of record n holds what it held a lap before: a write lost on a wrapped ring.</summary>
    public OracleForge GoBackOneLap(long n)
    {
        var now = Record(n);
        var old = _records[now.Disk].Single(r => r.Ordinal == now.Ordinal - _headers[now.Disk].Slots);
        old.Write(Slot(n));
        return this;
    }

    /// <summary>The header of a disk becomes zeroes.</summary>
    public OracleForge LoseHeader(int disk)
    {
        _disks[disk].AsSpan(0, OracleFormat.HeaderBytes).Clear();
        return this;
    }

    /// <summary>Writes the disks as raw images.</summary>
    public async Task<IReadOnlyList<OracleImage>> WriteAsync(string directory, CancellationToken ct)
    {
        var paths = _headers.Select(h => Path.Combine(directory, $"forged{h.Disk}.img"));
        var images = paths.Select(path => new OracleImage(path, OracleFileSystem.Raw)).ToArray();
        for (var i = 0; i < images.Length; i++) await File.WriteAllBytesAsync(images[i].Path, _disks[i], ct);
        return images;
    }

    private void Append(long n, ulong run, long generation, bool mark)
    {
        var disk = DiskOf(n);
        var last = _records[disk].LastOrDefault();
        _records[disk].Add(new OracleRecord(Set, run, generation, n, last.Ordinal + 1, last.N, n * 1000,
            disk, _headers.Length, mark));
        _records[disk][^1].Write(Slot(n));
    }

    private OracleRecord Record(long n) => _records[DiskOf(n)].Last(r => r.N == n);

    private Span<byte> Slot(long n)
    {
        var header = _headers[DiskOf(n)];
        var slot = (Record(n).Ordinal - 1) % header.Slots;
        return _disks[header.Disk].AsSpan((int)(OracleFormat.HeaderBytes + slot * header.SlotBytes), header.SlotBytes);
    }
}
