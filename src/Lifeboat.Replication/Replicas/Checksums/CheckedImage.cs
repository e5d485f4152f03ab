// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using Lifeboat.Journaling;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Replication.Replicas.Checksums;

// A base image that is read with its checksums.
//
// Invariants
//   Below CheckedTo every block has a sum, and no byte of a block is given that does not fit it.
//   While a fold changes image and table, under the gate, a block may fit neither its old nor its new sum. Who meets
//   one waits for the gate and looks again; if the fold was cut off, what it was to write is laid over the block first.
internal sealed class CheckedImage(IBaseImage image, SumTable table, Turnstile gate) : IAsyncDisposable
{
    private readonly SectorFile _raw = new(new ImageFile(image));
    private long _checkedTo, _summedTo;

    public ushort Volume => table.Volume;
    /// <summary>The image as it is: filler where the medium gives nothing.</summary>
    public SectorFile Raw => _raw;
    public SumTable Table => table;
    public long SizeBytes => image.SizeBytes;
    /// <summary>A fold that was begun and not brought to its end; changed under the gate.</summary>
    public FoldCommit? Pending { get; set; }

    /// <summary>Blocks from here on have no sum yet. A multiple of what a sector covers, or the size.</summary>
    public long CheckedTo
    {
        get => Volatile.Read(ref _checkedTo);
        set => Volatile.Write(ref _checkedTo, value);
    }

    /// <summary>How far the sums are durable.</summary>
    public long DurableTo { get; private set; }

    /// <summary>Takes over what the manifest says.</summary>
    public void Begin(long checkedTo)
    {
        _summedTo = checkedTo;
        DurableTo = CheckedTo = IsSummed(SizeBytes) ? SizeBytes : WholeSectors(Math.Min(checkedTo, SizeBytes));
    }

    // Summed up when it had another length, the last block had too: longer, if the record that said so was lost.
    private bool IsSummed(long sizeBytes) =>
        sizeBytes == _summedTo || (sizeBytes < _summedTo && sizeBytes == WholeBlocks(sizeBytes));

    /// <summary>It is as long as the journal says: what makes it longer from here on is new.</summary>
    public void HasItsLength() => _summedTo = 0;

    /// <summary>
    /// The last block may be short: it has no sum any more, nor has what shares its sector. They are summed up again as
    /// if they never had been. Under the gate.
    /// </summary>
    public void ForgetTail()
    {
        CheckedTo = WholeSectors(CheckedTo);
        DurableTo = Math.Min(DurableTo, CheckedTo);
    }

    /// <summary>Makes the image longer, under the gate.</summary>
    /// <returns>
    /// Null: all has its sums still. Else nobody knows what the added bytes are, so the tail has to be forgotten; and
    /// what in it fits its sum no more, which nobody can tell without.
    /// </returns>
    /// <exception cref="ReplicaStoreException">TargetTooSmall: the image cannot grow.</exception>
    public async ValueTask<IReadOnlyList<BaseDamage>?> GrowAsync(long sizeBytes, CancellationToken ct)
    {
        var before = SizeBytes;
        if (sizeBytes <= before) return null;
        if (image is not IGrowingImage growing)
            throw new ReplicaStoreException(ReplicaStoreFault.TargetTooSmall,
                $"the image of volume {Volume} has {SizeBytes} bytes and cannot have {sizeBytes}");
        if (IsSummed(sizeBytes))
        {
            // It had this length before, and all of it its sums: what is no hole any more is damage.
            await growing.GrowAsync(sizeBytes, ct);
            DurableTo = CheckedTo = SizeBytes;
            return null;
        }
        var lost = await DamagesAsync(WholeSectors(CheckedTo), CheckedTo, ct);
        await growing.GrowAsync(sizeBytes, ct);
        if (CheckedTo < before || !await HasZeroesFromAsync(before, ct)) return lost;
        if (DurableTo == before) DurableTo = SizeBytes;
        CheckedTo = SizeBytes;
        return null;
    }

    private async ValueTask<List<BaseDamage>> DamagesAsync(long from, long to, CancellationToken ct)
    {
        var found = new List<BaseDamage>();
        var bytes = new byte[to - from];
        for (var at = from; at < to;)
        {
            if (await TryReadAsync(at, bytes.AsMemory((int)(at - from)), Pending, ct) is not { } damage) break;
            found.Add(damage);
            at = Math.Max(at + 1, damage.Offset + damage.Length);
        }
        return found;
    }

    // Zeroes have the sum of zeroes, which a table has where nothing was noted; a block that was short counted as
    // filled up with them.
    private async ValueTask<bool> HasZeroesFromAsync(long before, CancellationToken ct)
    {
        var from = WholeBlocks(before + BlockSum.BlockBytes - 1);
        if (from < SizeBytes && !image.IsHole(from, SizeBytes - from)) return false;
        var sector = before / SumSector.Covers;
        if (await table.LengthAsync(ct) > (sector + 1) * SumSector.Bytes) return false;
        var sums = new byte[SumSector.Bytes];
        await table.ReadAsync(sector, sums, ct);
        if (!SumSector.IsIntact(sums, Volume, sector)) return false;
        for (var block = from / BlockSum.BlockBytes; block < (sector + 1) * SumSector.Blocks; block++)
            if (SumSector.Get(sums, (int)(block % SumSector.Blocks)) != 0) return false;
        if (from <= before) return true;
        var last = new byte[Math.Min(from, SizeBytes) - WholeBlocks(before)];
        await _raw.ReadAsync(WholeBlocks(before), last, ct);
        return BlockSum.Of(last)
            == SumSector.Get(sums, (int)(before / BlockSum.BlockBytes % SumSector.Blocks));
    }

    private static long WholeBlocks(long bytes) => bytes - bytes % BlockSum.BlockBytes;

    private static long WholeSectors(long checkedTo) => checkedTo - checkedTo % SumSector.Covers;

    public async ValueTask FlushSumsAsync(CancellationToken ct)
    {
        var upTo = CheckedTo;
        await table.FlushAsync(ct);
        DurableTo = Math.Max(DurableTo, upTo);
    }

    /// <summary>Fills the buffer with verified bytes.</summary>
    /// <returns>Null: they are right. Else the first blocks that are not, and the buffer means nothing.</returns>
    public async ValueTask<BaseDamage?> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        if (await TryReadAsync(offset, buffer, null, ct) is null) return null;
        await gate.EnterAsync(ct);
        try
        {
            return await TryReadAsync(offset, buffer, Pending, ct);
        }
        finally
        {
            gate.Leave();
        }
    }

    /// <summary>
    /// Known to be zeroes, and right to be, without reading it: nothing is stored there, and the sums say nothing else.
    /// </summary>
    public async ValueTask<bool> IsZeroAsync(long offset, long length, CancellationToken ct)
    {
        if (!image.IsHole(offset, length)) return false;
        var sector = offset / SumSector.Covers;
        var bytes = (int)((offset + length - 1) / SumSector.Covers - sector + 1) * SumSector.Bytes;
        var sums = ArrayPool<byte>.Shared.Rent(bytes);
        try
        {
            await table.ReadAsync(sector, sums.AsMemory(0, bytes), ct);
            return !sums.AsSpan(0, bytes).ContainsAnyExcept((byte)0);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(sums);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await table.DisposeAsync();
        await _raw.DisposeAsync();
    }

    private async ValueTask<BaseDamage?> TryReadAsync(
        long offset, Memory<byte> buffer, FoldCommit? pending, CancellationToken ct)
    {
        if (buffer.IsEmpty) return null;
        var first = offset / BlockSum.BlockBytes * BlockSum.BlockBytes;
        var end = Math.Min(SizeBytes,
            (offset + buffer.Length + BlockSum.BlockBytes - 1) / BlockSum.BlockBytes * BlockSum.BlockBytes);
        if (first == offset && end == offset + buffer.Length)
        {
            return await ReadBlocksAsync(first, buffer, pending, ct);
        }
        var length = (int)(end - first);
        var whole = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            if (await ReadBlocksAsync(first, whole.AsMemory(0, length), pending, ct) is { } damage) return damage;
            whole.AsSpan((int)(offset - first), buffer.Length).CopyTo(buffer.Span);
            return null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(whole);
        }
    }

    // Where there are no sums nobody but the medium says that a block is lost.
    private async ValueTask<BaseDamage?> ReadBlocksAsync(
        long offset, Memory<byte> blocks, FoldCommit? pending, CancellationToken ct)
    {
        var lost = offset + blocks.Length > CheckedTo ? new List<long>() : null;
        await _raw.ReadAsync(offset, blocks, lost, ct);
        if (await VerifyAsync(offset, blocks, pending, ct) is { } damage) return damage;
        if (lost?.FindIndex(at => at >= CheckedTo) is not (>= 0 and var unsummed)) return null;
        return new BaseDamage(Volume, lost[unsummed],
            Math.Min(BlockSum.BlockBytes, SizeBytes - lost[unsummed]), Sums: false);
    }

    private async ValueTask<BaseDamage?> VerifyAsync(
        long offset, ReadOnlyMemory<byte> blocks, FoldCommit? pending, CancellationToken ct)
    {
        if (Math.Min(CheckedTo, offset + blocks.Length) - offset is not (> 0 and var length)) return null;
        var block = offset / BlockSum.BlockBytes;
        var sector = block / SumSector.Blocks;
        var count = (int)((offset + length - 1) / SumSector.Covers - sector + 1);
        var sums = ArrayPool<byte>.Shared.Rent(count * SumSector.Bytes);
        try
        {
            await table.ReadAsync(sector, sums.AsMemory(0, count * SumSector.Bytes), ct);
            return Compare(offset, blocks.Span[..(int)length], sums.AsSpan(0, count * SumSector.Bytes), pending);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(sums);
        }
    }

    private BaseDamage? Compare(long offset, ReadOnlySpan<byte> blocks, ReadOnlySpan<byte> sums, FoldCommit? pending)
    {
        var first = offset / BlockSum.BlockBytes / SumSector.Blocks;
        BaseDamage? damage = null;
        var intact = first - 1; // the last sector that was looked at and was in order
        for (var at = 0; at < blocks.Length; at += BlockSum.BlockBytes)
        {
            var number = (offset + at) / BlockSum.BlockBytes;
            var sector = number / SumSector.Blocks;
            var entries = sums.Slice((int)(sector - first) * SumSector.Bytes, SumSector.Bytes);
            var content = blocks[at..Math.Min(at + BlockSum.BlockBytes, blocks.Length)];
            if (intact != sector && pending?.Changes(Volume, number) is null)
            {
                if (!SumSector.IsIntact(entries, Volume, sector)) return SectorDamage(sector);
                intact = sector;
            }
            var good = BlockSum.Of(content) == SumSector.Get(entries, (int)(number % SumSector.Blocks))
                || pending?.Vouches(Volume, number, content) == true;
            if (good && damage is not null) return damage;
            if (good) continue;
            damage = damage is { } begun
                ? begun with { Length = begun.Length + content.Length }
                : new BaseDamage(Volume, offset + at, content.Length, Sums: false);
        }
        return damage;
    }

    private BaseDamage SectorDamage(long sector) => new(Volume, sector * SumSector.Covers,
        Math.Min(SumSector.Covers, SizeBytes - sector * SumSector.Covers), Sums: true);
}
