// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Testing.Simulation;

/// <summary>A disk of an instance: survives QEMU. Content is one stamp per 512-byte sector.</summary>
public sealed class GuestDisk
{
    private const int SectorsPerBlock = 8;
    private long[] _stamps;
    private bool[] _allocated;

    public GuestDisk(int index, string name, long[] initial)
    {
        (Index, Name, _stamps) = (index, name, (long[])initial.Clone());
        _allocated = new bool[(initial.Length + SectorsPerBlock - 1) / SectorsPerBlock];
        for (var s = 0; s < initial.Length; s++)
            if (initial[s] != 0) _allocated[s / SectorsPerBlock] = true;
        History = new DiskHistory((long[])initial.Clone());
    }

    public int Index { get; }
    public string Name { get; }
    public int Sectors => _stamps.Length;
    public long SizeBytes => (long)_stamps.Length * GuestWrite.SectorBytes;
    public DiskHistory History { get; }
    /// <summary>Those that its storage keeps of it, by name: a stamp per sector.</summary>
    public Dictionary<string, long[]> Snapshots { get; } = [];

    public void Apply(GuestWrite write, int sectors)
    {
        for (var s = write.Sector; s < write.Sector + sectors; s++)
        {
            _stamps[s] = write.StampAt(s);
            if (!write.Zero) _allocated[s / SectorsPerBlock] = true;
        }
        History.Applied(write, sectors);
    }

    public void Read(long offset, Span<byte> buffer)
    {
        if (offset % GuestWrite.SectorBytes != 0 || buffer.Length % GuestWrite.SectorBytes != 0)
            throw new SimulationException($"unaligned read {offset}+{buffer.Length}");
        var first = (int)(offset / GuestWrite.SectorBytes);
        for (var i = 0; i * GuestWrite.SectorBytes < buffer.Length; i++)
            MemoryMarshal.Cast<byte, long>(buffer.Slice(i * GuestWrite.SectorBytes, GuestWrite.SectorBytes))
                .Fill(_stamps[first + i]);
    }

    /// <summary>It has so many sectors more from this moment on, which read as zeroes.</summary>
    public void Grow(int sectors, long moment)
    {
        Array.Resize(ref _stamps, Sectors + sectors);
        Array.Resize(ref _allocated, (Sectors + SectorsPerBlock - 1) / SectorsPerBlock);
        History.Grow(Sectors, moment);
    }

    /// <summary>What block status says: runs of data and of holes.</summary>
    public List<GapExtent> Allocation(long offset, long length)
    {
        const int block = SectorsPerBlock * GuestWrite.SectorBytes;
        var extents = new List<GapExtent>();
        for (var at = offset; at < offset + length;)
        {
            var end = Math.Min((at / block + 1) * block, offset + length);
            var zero = !_allocated[at / block];
            if (extents.Count > 0 && extents[^1].Zero == zero)
                extents[^1] = extents[^1] with { Length = end - extents[^1].Offset };
            else
                extents.Add(new GapExtent(at, end - at, zero));
            at = end;
        }
        return extents;
    }

    public ReadOnlySpan<long> Stamps(int first, int count) => _stamps.AsSpan(first, count);

    public long[] Snapshot() => (long[])_stamps.Clone();
}
