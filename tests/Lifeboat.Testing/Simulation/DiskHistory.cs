// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// What a source disk went through, sector by sector. The guest never has two writes to one sector in flight (a file
/// system does not either), so at any moment a sector may hold the last acknowledged stamp, or that of the one write
/// in flight, and nothing else.
/// </summary>
public sealed class DiskHistory
{
    private readonly List<(long Moment, int Sectors)> _sizes = [];
    private long[] _initial;
    private List<GuestWrite>?[] _writes;

    public DiskHistory(long[] initial)
    {
        _sizes.Add((long.MinValue, initial.Length));
        _initial = initial;
        _writes = new List<GuestWrite>?[initial.Length];
    }

    public void Applied(GuestWrite write, int sectors)
    {
        LastApplied = Math.Max(LastApplied, write.Applied);
        for (var s = write.Sector; s < write.Sector + sectors; s++) (_writes[s] ??= []).Add(write);
    }

    public void Grow(int sectors, long moment)
    {
        _sizes.Add((moment, sectors));
        Array.Resize(ref _initial, sectors);
        Array.Resize(ref _writes, sectors);
    }

    /// <summary>Every write acknowledged before the cut, none after (I1). Null when it holds.</summary>
    public string? Check(long cut, ReadOnlySpan<byte> content)
    {
        var size = _sizes.FindLast(s => s.Moment <= cut).Sectors;
        if (content.Length != size * GuestWrite.SectorBytes)
            return $"has {content.Length / GuestWrite.SectorBytes} sectors, not {size}";
        for (var sector = 0; sector < size; sector++)
        {
            var bytes = content.Slice(sector * GuestWrite.SectorBytes, GuestWrite.SectorBytes);
            var words = MemoryMarshal.Cast<byte, long>(bytes);
            var stamp = words[0];
            if (words.ContainsAnyExcept(stamp)) return $"sector {sector} is torn";
            if (!Allowed(sector, cut, stamp, out var expected))
                return $"sector {sector} holds {GuestWrite.Describe(stamp)}, not {expected}";
        }
        return null;
    }

    private bool Allowed(int sector, long cut, long stamp, out string expected)
    {
        if (_writes[sector] is not { } writes) return Settled(_initial[sector], stamp, out expected);
        var next = FirstAckedAfter(writes, cut);
        if (next < writes.Count && writes[next].Applied < cut && writes[next].StampAt(sector) == stamp)
            return Settled(stamp, stamp, out expected);
        return Settled(next > 0 ? writes[next - 1].StampAt(sector) : _initial[sector], stamp, out expected);
    }

    private static bool Settled(long last, long stamp, out string expected)
    {
        expected = last == stamp ? "" : GuestWrite.Describe(last);
        return last == stamp;
    }

    /// <summary>When it was written last; 0: never.</summary>
    public long LastApplied { get; private set; }

    /// <summary>What a sector held when everything acknowledged by then, and nothing else, was on it.</summary>
    public long SettledAt(int sector, long moment)
    {
        if (_writes[sector] is not { } writes) return _initial[sector];
        var next = FirstAckedAfter(writes, moment);
        return next > 0 ? writes[next - 1].StampAt(sector) : _initial[sector];
    }

    // Writes of one sector are acknowledged in their order: the next one is begun only then.
    private static int FirstAckedAfter(List<GuestWrite> writes, long moment)
    {
        // Most of what is looked at is of now.
        if (writes.Count == 0 || writes[^1].Acked <= moment) return writes.Count;
        int low = 0, high = writes.Count - 1;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (writes[middle].Acked <= moment) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    // What a crash brought back: its moment cannot be told either.
    private bool HeldTwice(int sector, long stamp)
    {
        if (_writes[sector] is not { } writes) return false;
        var times = _initial[sector] == stamp ? 1 : 0;
        foreach (var write in writes)
            if (write.StampAt(sector) == stamp && ++times > 1) return true;
        return false;
    }

    /// <summary>Blocks of so many sectors that can differ from what a point of this cut holds.</summary>
    public long BlocksSince(long cut, int sectors) => WhichSince(cut, sectors).Count();

    /// <summary>The numbers of those blocks, in order.</summary>
    public IEnumerable<int> WhichSince(long cut, int sectors)
    {
        for (var first = 0; first < _initial.Length; first += sectors)
            for (var s = first; s < Math.Min(first + sectors, _initial.Length); s++)
                if (_writes[s] is [.., var last] && (last.Acked > cut || last.Applied > cut))
                {
                    yield return first / sectors;
                    break;
                }
    }

    /// <summary>
    /// The cuts at which a sector may hold the stamp, narrowed into (from, until): all sectors of all disks together
    /// must leave one, else the content is no state the disks passed through. False when the sector never held it.
    /// </summary>
    public bool Narrow(ReadOnlySpan<byte> content, ref long from, ref long until)
    {
        for (var sector = 0; sector < content.Length / GuestWrite.SectorBytes; sector++)
        {
            var words = MemoryMarshal.Cast<byte, long>(
                content.Slice(sector * GuestWrite.SectorBytes, GuestWrite.SectorBytes));
            var stamp = words[0];
            if (words.ContainsAnyExcept(stamp)) return false;
            var writes = _writes[sector];
            // Zeroes have no unique stamp: their moment cannot be told.
            if (stamp == 0 || HeldTwice(sector, stamp)) continue;
            var index = writes?.FindLastIndex(w => w.StampAt(sector) == stamp) ?? -1;
            if (index < 0 && stamp != _initial[sector]) return false;
            if (index >= 0) from = Math.Max(from, writes![index].Applied);
            if (writes is not null && index + 1 < writes.Count) until = Math.Min(until, writes[index + 1].Acked);
        }
        return true;
    }
}
