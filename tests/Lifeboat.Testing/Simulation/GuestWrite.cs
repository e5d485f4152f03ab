// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Simulation;

/// <summary>One write of the guest and its moments, in ticks of the world. 512-byte sectors carry its unique
/// stamp.</summary>
public sealed class GuestWrite(long id, int disk, int sector, int count, bool zero, long issued)
{
    public const int SectorBytes = 512;

    public long Id => id;
    public int Disk => disk;
    public int Sector => sector;
    public int Count => count;
    public bool Zero => zero;
    public long Issued => issued;
    /// <summary>When the source disk took it; no copy can have it before.</summary>
    public long Applied { get; set; } = long.MaxValue;
    /// <summary>When the guest saw its completion, or when a crash made it part of what a restarted guest
    /// reads.</summary>
    public long Acked { get; set; } = long.MaxValue;

    /// <summary>Not a write of the guest, but older stamps that a crash brought back, one for each sector.</summary>
    public long[]? Stamps { get; init; }

    /// <summary>What the sector holds, repeated: which write, and where it belongs.</summary>
    public long StampAt(int at) => Stamps is { } stamps ? stamps[at - sector]
        : zero ? 0 : (id << 16) | ((long)disk << 12) | (uint)at;

    public bool Overlaps(int otherDisk, int otherSector, int otherCount) =>
        disk == otherDisk && sector < otherSector + otherCount && otherSector < sector + count;

    public override string ToString() =>
        $"{(zero ? "zero" : "write")} {id} disk {disk} sectors {sector}+{count}";

    public static string Describe(long stamp) =>
        stamp == 0 ? "zeroes" : $"write {stamp >> 16} of disk {(stamp >> 12) & 15} sector {stamp & 4095}";
}
