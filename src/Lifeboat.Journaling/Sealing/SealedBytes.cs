// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Journaling.Sealing;

// Sectors of a file or an image, encrypted in place behind a head of its own. Offsets are those of the plain bytes.
//
// Invariants
//   Only whole sectors are encrypted. A write that covers one in part takes the rest from what is there; the 16-byte
//   blocks of it that do not change have the same bytes afterwards, so a sector torn there loses nothing that was
//   durable: disks write a sector whole.
//   Who changes a sector in part, and who reads the last one of a file, take turns: nobody reads half of either.
/// <summary>Encrypted bytes over another file's.</summary>
/// <param name="headBytes">Bytes of the file before the first sector.</param>
/// <param name="hasLength">
/// The plain length may be no multiple of a sector. Then the file is longer than its sectors by as many bytes as its
/// last one has.
/// </param>
public sealed class SealedBytes(IStorageFile file, SectorCipher cipher, int headBytes, bool hasLength)
{
    private const int Sector = SectorCipher.SectorBytes;

    private readonly Turnstile _edges = new();

    public async ValueTask<long> LengthAsync(CancellationToken ct) => PlainOf(await file.LengthAsync(ct));

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        if (!hasLength) return await ReadSectorsAsync(offset, buffer, ct);
        var length = await LengthAsync(ct);
        buffer = buffer[..(int)Math.Clamp(length - offset, 0, buffer.Length)];
        if (buffer.IsEmpty) return 0;
        if (offset + buffer.Length <= length / Sector * Sector) return await ReadSectorsAsync(offset, buffer, ct);
        await _edges.EnterAsync(ct);
        try
        {
            return await ReadSectorsAsync(offset, buffer, ct);
        }
        finally
        {
            _edges.Leave();
        }
    }

    public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        if (data.IsEmpty) return;
        if (offset % Sector == 0 && data.Length % Sector == 0
            && (!hasLength || await LengthAsync(ct) / Sector * Sector >= offset + data.Length))
        {
            await WriteWholeAsync(offset, data, ct);
            return;
        }
        await _edges.EnterAsync(ct);
        try
        {
            await WriteEdgesAsync(offset, data, ct);
        }
        finally
        {
            _edges.Leave();
        }
    }

    public async ValueTask ZeroAsync(long offset, long length, CancellationToken ct)
    {
        var end = offset + length;
        if (hasLength && end > await LengthAsync(ct)) await SetLengthAsync(end, ct);
        var first = Math.Min(end, (offset + Sector - 1) / Sector * Sector);
        var last = Math.Max(first, end / Sector * Sector);
        if (offset < first) await WriteAsync(offset, new byte[first - offset], ct);
        // A hole is what zeroes are on the medium as well.
        if (first < last) await file.ZeroAsync(headBytes + first, last - first, ct);
        if (last < end) await WriteAsync(last, new byte[end - last], ct);
    }

    public async ValueTask SetLengthAsync(long length, CancellationToken ct)
    {
        await _edges.EnterAsync(ct);
        try
        {
            var rest = (int)(length % Sector);
            if (rest > 0 && length < await LengthAsync(ct))
            {
                // What stood behind the end must not come back, nor stand where the length is told.
                var sector = new byte[Sector];
                await ReadSectorsAsync(length - rest, sector.AsMemory(0, rest), ct);
                cipher.Encrypt(sector, length / Sector);
                await file.WriteAsync(headBytes + length - rest, sector, ct);
                await file.SetLengthAsync(headBytes + length - rest + Sector, ct);
            }
            await file.SetLengthAsync(MediumOf(length), ct);
        }
        finally
        {
            _edges.Leave();
        }
    }

    // The file's end may cut off what tells its length: after a crash it is as long as its sectors say.
    private long PlainOf(long medium)
    {
        var sectors = Math.Max(0, medium - headBytes);
        if (!hasLength) return sectors;
        var rest = sectors % Sector;
        return rest == 0 ? sectors : Math.Max(rest, sectors - Sector);
    }

    private long MediumOf(long plain)
    {
        var rest = plain % Sector;
        return headBytes + (rest == 0 ? plain : plain - rest + Sector + rest);
    }

    private async ValueTask<int> ReadSectorsAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        var first = offset / Sector * Sector;
        var end = offset + buffer.Length;
        var aligned = first == offset && end % Sector == 0;
        var whole = aligned ? buffer : new byte[(end + Sector - 1) / Sector * Sector - first];
        var count = await file.ReadAsync(headBytes + first, whole, ct);
        // Sectors that are not there to their end were never written to it.
        if (count % Sector != 0) whole.Span[count..].Clear();
        count = Math.Min(whole.Length, (count + Sector - 1) / Sector * Sector);
        cipher.Decrypt(whole.Span[..count], first / Sector);
        if (aligned) return count;
        count = (int)Math.Clamp(first + count - offset, 0, buffer.Length);
        whole.Slice((int)(offset - first), count).CopyTo(buffer);
        return count;
    }

    private async ValueTask WriteWholeAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        var sealed_ = ArrayPool<byte>.Shared.Rent(data.Length);
        try
        {
            data.CopyTo(sealed_);
            cipher.Encrypt(sealed_.AsSpan(0, data.Length), offset / Sector);
            await file.WriteAsync(headBytes + offset, sealed_.AsMemory(0, data.Length), ct);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(sealed_);
        }
    }

    private async ValueTask WriteEdgesAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        var before = hasLength ? await LengthAsync(ct) : long.MaxValue;
        var end = offset + data.Length;
        var from = offset / Sector * Sector;
        var to = (end + Sector - 1) / Sector * Sector;
        var tells = end >= before ? (int)(end % Sector) : 0;
        var length = (int)(to - from) + tells;
        var rented = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            var bytes = rented.AsMemory(0, length);
            bytes.Span[..Math.Min(Sector, length)].Clear();
            bytes.Span[Math.Max(0, (int)(to - from) - Sector)..].Clear();
            if (offset > from) await ReadEdgeAsync(from, bytes[..Sector], before, ct);
            // Behind the end there is nothing to keep.
            if (end < to && end < before && (to - Sector > from || offset == from))
                await ReadEdgeAsync(to - Sector, bytes.Slice((int)(to - Sector - from), Sector), before, ct);
            data.CopyTo(bytes[(int)(offset - from)..]);
            cipher.Encrypt(bytes.Span[..(int)(to - from)], from / Sector);
            await file.WriteAsync(headBytes + from, bytes, ct);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
        // The sector is full now: what told that it was not is no content.
        if (end > before && tells == 0 && before % Sector != 0) await file.SetLengthAsync(MediumOf(end), ct);
    }

    private async ValueTask ReadEdgeAsync(long at, Memory<byte> sector, long length, CancellationToken ct)
    {
        if (at >= length) return;
        await ReadSectorsAsync(at, sector, ct);
        if (length - at < Sector) sector.Span[(int)(length - at)..].Clear();
    }
}
