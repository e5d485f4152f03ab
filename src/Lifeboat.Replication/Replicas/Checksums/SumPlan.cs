// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Indexing;
using Lifeboat.Journaling.Segments;
using Lifeboat.Protection;

namespace Lifeboat.Replication.Replicas.Checksums;

// The sums of one image after a run, worked out before anything is changed. Extents come in order of offset.
//
// Invariants
//   A block that the run covers whole gets the sum of the run's bytes. One that it covers in part keeps the rest, so
//   the rest is verified first; what cannot be verified is poisoned, never given a sum that fits.
//   A poisoned block is made good piece by piece only while it is what the run before has left: its poison says so.
//   A damaged sector is made anew with all its blocks poisoned but those of the run: it must not vouch for them.
internal sealed class SumPlan(CheckedImage image, Func<long, long, bool> isMended, Action<BaseDamage> found)
{
    private readonly List<SumChange> _changes = [];
    private readonly byte[] _sector = new byte[SumSector.Bytes];
    private readonly byte[] _content = new byte[BlockSum.BlockBytes];
    private long _sectorNumber = -1, _block = -1;
    private int _covered;
    private bool _believed, _asLeft, _damaged, _sectorIsAnew;

    public async Task<IReadOnlyList<SumChange>> RunAsync(
        IEnumerable<Extent> extents, KeptStretches data, CancellationToken ct)
    {
        foreach (var extent in extents) await TakeAsync(extent, data, ct);
        await EndBlockAsync(ct);
        EndSector();
        return _changes;
    }

    private async Task TakeAsync(Extent extent, KeptStretches data, CancellationToken ct)
    {
        var end = Math.Min(extent.End, image.CheckedTo);
        for (var at = extent.Offset; at < end;)
        {
            var block = at / BlockSum.BlockBytes;
            var blockEnd = Math.Min((block + 1) * BlockSum.BlockBytes, image.SizeBytes);
            var stop = Math.Min(end, blockEnd);
            var whole = at == block * BlockSum.BlockBytes && stop == blockEnd;
            if (whole && extent.Source == Extent.Zeroes)
            {
                await EndBlockAsync(ct);
                var count = (end == image.SizeBytes ? end - at + BlockSum.BlockBytes - 1 : end - at)
                    / BlockSum.BlockBytes;
                await SetZeroesAsync(block, count, ct);
                stop = Math.Min(end, (block + count) * BlockSum.BlockBytes);
            }
            else if (whole && extent.Source >= 0)
            {
                await EndBlockAsync(ct);
                await LoadAsync(block / SumSector.Blocks, ct);
                stop = SetWhole(extent, at, end, data);
            }
            else await TakePartAsync(extent, at, stop, data, ct);
            at = stop;
        }
    }

    // All blocks of one sector in a row.
    private long SetWhole(in Extent extent, long at, long end, KeptStretches kept)
    {
        var sectorEnd = (_sectorNumber + 1) * SumSector.Covers;
        var data = kept.At(extent.Source + (at - extent.Offset), (int)(Math.Min(end, sectorEnd) - at));
        while (data.Length >= BlockSum.BlockBytes || (!data.IsEmpty && at + data.Length == image.SizeBytes))
        {
            var block = data[..Math.Min(data.Length, BlockSum.BlockBytes)];
            SumSector.Set(_sector, (int)(at / BlockSum.BlockBytes % SumSector.Blocks), BlockSum.Of(block));
            data = data[block.Length..];
            at += block.Length;
        }
        return at;
    }

    private async Task TakePartAsync(Extent extent, long from, long to, KeptStretches data, CancellationToken ct)
    {
        await BeginBlockAsync(from / BlockSum.BlockBytes, ct);
        var part = _content.AsSpan((int)(from - _block * BlockSum.BlockBytes), (int)(to - from));
        if (extent.Source == Extent.Damaged)
        {
            _damaged = true; // the old bytes stay, and are not what should be there
            return;
        }
        if (extent.Source == Extent.Zeroes) part.Clear();
        else data.At(extent.Source + (from - extent.Offset), part.Length).CopyTo(part);
        _covered += part.Length;
    }

    private async Task BeginBlockAsync(long block, CancellationToken ct)
    {
        if (_block == block) return;
        await EndBlockAsync(ct);
        await LoadAsync(block / SumSector.Blocks, ct);
        (_block, _covered, _damaged) = (block, 0, false);
        await image.Raw.ReadAsync(block * BlockSum.BlockBytes, Content(block), ct);
        var (sum, noted) = (BlockSum.Of(Content(block).Span), SumSector.Get(_sector, (int)(block % SumSector.Blocks)));
        _believed = sum == noted;
        _asLeft = ~sum == noted && !_sectorIsAnew;
    }

    private async Task EndBlockAsync(CancellationToken ct)
    {
        if (_block < 0) return;
        var (block, content) = (_block, Content(_block));
        _block = -1;
        var offset = block * BlockSum.BlockBytes;
        var good = _covered == content.Length || _believed || (_asLeft && isMended(offset, content.Length));
        if (_damaged) good = false;
        if (!good && !_believed) found(new BaseDamage(image.Volume, offset, content.Length, Sums: false));
        await SetAsync(block, good ? BlockSum.Of(content.Span) : BlockSum.Poison(content.Span), ct);
    }

    private async Task SetAsync(long block, uint sum, CancellationToken ct)
    {
        await LoadAsync(block / SumSector.Blocks, ct);
        SumSector.Set(_sector, (int)(block % SumSector.Blocks), sum);
    }

    private async Task SetZeroesAsync(long block, long count, CancellationToken ct)
    {
        var end = block + count;
        for (; block < end && block % SumSector.Blocks != 0; block++) await SetAsync(block, 0, ct);
        if ((end - block) / SumSector.Blocks is > 0 and var sectors)
        {
            EndSector();
            _changes.Add(new SumChange(image.Volume, block / SumSector.Blocks, sectors, null));
            block += sectors * SumSector.Blocks;
        }
        for (; block < end; block++) await SetAsync(block, 0, ct);
    }

    private async Task LoadAsync(long sector, CancellationToken ct)
    {
        if (_sectorNumber == sector) return;
        Invariant.Holds(sector > _sectorNumber, "extents come in order");
        EndSector();
        await image.Table.ReadAsync(sector, _sector, ct);
        _sectorNumber = sector;
        _sectorIsAnew = !SumSector.IsIntact(_sector, image.Volume, sector);
        if (!_sectorIsAnew) return;
        var from = sector * SumSector.Covers;
        var length = Math.Min(SumSector.Covers, image.SizeBytes - from);
        found(new BaseDamage(image.Volume, from, length, Sums: true));
        var blocks = new byte[length];
        await image.Raw.ReadAsync(from, blocks, ct);
        for (var i = 0; i * BlockSum.BlockBytes < length; i++)
        {
            var at = i * BlockSum.BlockBytes;
            SumSector.Set(_sector, i,
                BlockSum.Poison(blocks.AsSpan(at, (int)Math.Min(BlockSum.BlockBytes, length - at))));
        }
    }

    private void EndSector()
    {
        if (_sectorNumber < 0) return;
        SumSector.Seal(_sector, image.Volume, _sectorNumber);
        if (_changes is [.., { Sectors: { } sectors } last] && last.FirstSector + last.Count == _sectorNumber
            && sectors.Length < 64 << 10)
            _changes[^1] = last with { Count = last.Count + 1, Sectors = [.. sectors, .. _sector] };
        else _changes.Add(new SumChange(image.Volume, _sectorNumber, 1, [.. _sector]));
        _sectorNumber = -1;
    }

    private Memory<byte> Content(long block) => _content.AsMemory(0,
        (int)Math.Min(BlockSum.BlockBytes, image.SizeBytes - block * BlockSum.BlockBytes));
}
