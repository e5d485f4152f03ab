// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;

namespace Lifeboat.Testing.Simulation;

/// <summary>A dirty bitmap of QEMU: in its memory only, so it dies with the instance and survives the
/// agent.</summary>
internal sealed class ChangeMap(string name, Guid replica, long sizeBytes, int granularity, bool whole)
{
    private bool[] _dirty = new bool[(sizeBytes + granularity - 1) / granularity];

    public string Name => name;
    public Guid Replica => replica;
    public bool Enabled { get; set; } = true;
    /// <summary>Stands for the whole disk: nothing is known about what came before it.</summary>
    public bool Whole => whole;

    public void Mark(GuestWrite write)
    {
        var first = (long)write.Sector * GuestWrite.SectorBytes;
        var last = first + (long)write.Count * GuestWrite.SectorBytes - 1;
        for (var i = first / granularity; i <= last / granularity; i++) _dirty[i] = true;
    }

    /// <summary>The disk is longer: QEMU takes what is new for written, in maps that record.</summary>
    public void Grow(long before, long after)
    {
        Array.Resize(ref _dirty, (int)((after + granularity - 1) / granularity));
        for (var i = before / granularity; Enabled && i <= (after - 1) / granularity; i++) _dirty[i] = true;
    }

    public static List<GapExtent> Union(IReadOnlyList<ChangeMap> maps, long offset, long length)
    {
        var extents = new List<GapExtent>();
        if (maps.Count == 0) return extents;
        var grain = maps[0].Granularity;
        for (var at = offset; at < offset + length;)
        {
            var end = Math.Min((at / grain + 1) * grain, offset + length);
            var index = at / grain;
            if (maps.Any(m => m._dirty[index]))
            {
                if (extents.Count > 0 && extents[^1].Offset + extents[^1].Length == at)
                    extents[^1] = extents[^1] with { Length = end - extents[^1].Offset };
                else
                    extents.Add(new GapExtent(at, end - at, false));
            }
            at = end;
        }
        return extents;
    }

    private int Granularity => granularity;
}
