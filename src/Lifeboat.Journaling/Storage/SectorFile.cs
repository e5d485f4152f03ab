// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Journaling.Storage;

// A file of which some sectors cannot be read. What a flipped bit does is found by checksums; this makes a lost sector
// look like one, so that everything that finds, names and mends the one does so with the other.
//
// Invariants
//   Bytes that the medium does not give are filled with what fits no checksum. Who reads what has none asks which are
//   lost (ReadAsync with a list).
//   A write that covers a lost sector in part covers all of it, with filler for the rest: it was lost before. Writes
//   take turns, so the rest of a sector is never put back over what another one wrote there.
/// <summary>A file that gives filler for sectors that its medium cannot read, and lets them be written over.</summary>
public sealed class SectorFile(IStorageFile file) : IStorageFile
{
    /// <summary>Bytes that are lost together: what the kernel reads to change a part of it.</summary>
    public const int SectorBytes = 4096;
    public const byte Filler = 0xA6;

    private readonly Turnstile _writing = new();

    public ValueTask<long> LengthAsync(CancellationToken ct) => file.LengthAsync(ct);
    public ValueTask SetLengthAsync(long length, CancellationToken ct) => file.SetLengthAsync(length, ct);
    public ValueTask FlushAsync(CancellationToken ct) => file.FlushAsync(ct);
    public ValueTask DisposeAsync() => file.DisposeAsync();

    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct) =>
        ReadAsync(offset, buffer, null, ct);

    /// <param name="lost">Told the first byte of each sector that could not be read.</param>
    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, List<long>? lost, CancellationToken ct)
    {
        try
        {
            return await file.ReadAsync(offset, buffer, ct);
        }
        catch (StorageException e) when (e.Fault == StorageFault.Unreadable)
        {
            return await ReadSectorsAsync(offset, buffer, lost, ct);
        }
    }

    public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        await _writing.EnterAsync(ct);
        try
        {
            await file.WriteAsync(offset, data, ct);
        }
        catch (StorageException e) when (MayBeLost(e) && CutsSectors(offset, data.Length))
        {
            if (!await TryWriteWholeAsync(offset, data, ct)) throw;
        }
        finally
        {
            _writing.Leave();
        }
    }

    public async ValueTask ZeroAsync(long offset, long length, CancellationToken ct)
    {
        try
        {
            await file.ZeroAsync(offset, length, ct);
            return;
        }
        catch (StorageException e) when (MayBeLost(e) && CutsSectors(offset, length))
        {
            // Whole sectors need not be read, and the edges are written below.
        }
        var end = offset + length;
        var first = Math.Min(end, (offset + SectorBytes - 1) / SectorBytes * SectorBytes);
        var last = Math.Max(first, end / SectorBytes * SectorBytes);
        if (offset < first) await WriteAsync(offset, new byte[first - offset], ct);
        if (first < last) await file.ZeroAsync(first, last - first, ct);
        if (last < end) await WriteAsync(last, new byte[end - last], ct);
    }

    private async ValueTask<int> ReadSectorsAsync(
        long offset, Memory<byte> buffer, List<long>? lost, CancellationToken ct)
    {
        var length = (int)Math.Clamp(await file.LengthAsync(ct) - offset, 0, buffer.Length);
        for (var done = 0; done < length;)
        {
            var at = offset + done;
            var piece = buffer.Slice(done, (int)Math.Min(SectorBytes - at % SectorBytes, length - done));
            try
            {
                var count = await file.ReadAsync(at, piece, ct);
                if (count < piece.Length) return done + count;
            }
            catch (StorageException e) when (e.Fault == StorageFault.Unreadable)
            {
                piece.Span.Fill(Filler);
                lost?.Add(at / SectorBytes * SectorBytes);
            }
            done += piece.Length;
        }
        return length;
    }

    private async ValueTask<bool> TryWriteWholeAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        var end = offset + data.Length;
        var first = offset / SectorBytes * SectorBytes;
        // Never longer than it was, or has to be.
        var last = Math.Min((end + SectorBytes - 1) / SectorBytes * SectorBytes,
            Math.Max(end, await file.LengthAsync(ct)));
        var whole = new byte[last - first];
        var lost = new List<long>();
        await ReadAsync(first, whole.AsMemory(0, (int)(offset - first)), lost, ct);
        await ReadAsync(end, whole.AsMemory((int)(end - first)), lost, ct);
        if (lost.Count == 0) return false;
        data.CopyTo(whole.AsMemory((int)(offset - first)));
        await file.WriteAsync(first, whole, ct);
        return true;
    }

    private static bool CutsSectors(long offset, long length) =>
        offset % SectorBytes != 0 || (offset + length) % SectorBytes != 0;

    private static bool MayBeLost(StorageException e) => e.Fault is StorageFault.Io or StorageFault.Unreadable;
}
