// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using System.Net.Sockets;
using Lifeboat.Contracts.Sites;
using Lifeboat.Nbd;

namespace Lifeboat.Sites.OpenStack.Filling;

/// <summary>
/// Copies a view into an open volume: what the view has data for is written, all else is zeroed, up to the volume's
/// end. Goes from front to back in stretches that are flushed one after the other, so that it can be gone on with.
/// </summary>
internal sealed class ViewCopy(DiskSource from)
{
    private const long StretchBytes = 32L << 20;
    private const int PieceBytes = 1 << 20;
    private const long ZeroBytesMax = 64L << 20;
    private const int InFlight = 8;
    // Of volumes and views: the last piece of a view is filled up with zeros.
    private const int Block = 4096;

    /// <summary>Bytes from the front that are in the volume for good.</summary>
    public long Done { get; private set; }

    /// <summary>Bytes that were sent as data.</summary>
    public long Sent => Interlocked.Read(ref _sent);
    private long _sent;

    /// <param name="begin">What an earlier copy of the same view has done.</param>
    /// <param name="flushed">Told how much is done, after each flush.</param>
    /// <exception cref="SiteException">As <see cref="IOpenVolume"/> throws it; Refused: the view cannot be
    /// read.</exception>
    public async Task RunAsync(IOpenVolume to, long begin, Func<long, Task> flushed, CancellationToken ct)
    {
        Done = begin;
        await using var view = await OpenAsync(ct);
        while (Done < to.SizeBytes)
        {
            var end = Math.Min(Done + StretchBytes, to.SizeBytes);
            var pieces = await PiecesAsync(view, Done, end, ct);
            await Parallel.ForEachAsync(pieces, new ParallelOptions
            {
                MaxDegreeOfParallelism = InFlight,
                CancellationToken = ct,
            }, async (piece, token) => await CopyAsync(view, to, piece, token));
            await to.FlushAsync(ct);
            Done = end;
            await flushed(Done);
        }
    }

    private async Task<NbdClient> OpenAsync(CancellationToken ct)
    {
        try
        {
            return await NbdClient.ConnectAsync(new UnixDomainSocketEndPoint(from.ViewSocket!), new NbdClientOptions
            {
                Export = from.ViewExport ?? "",
                MetaContexts = [NbdExtent.BaseAllocation],
            }, ct);
        }
        catch (NbdException e)
        {
            throw Unreadable(e);
        }
    }

    private async Task<IReadOnlyList<Piece>> PiecesAsync(NbdClient view, long begin, long end, CancellationToken ct)
    {
        var pieces = new List<Piece>();
        var known = Math.Min(end, view.Info.Size);
        var at = begin;
        if (known > begin)
            foreach (var extent in await ExtentsAsync(view, begin, known - begin, ct))
            {
                var to = at + extent.Length;
                // Data that ends within a block takes the rest of that block with it.
                var isZero = (extent.Flags & NbdExtent.Zero) != 0;
                Add(pieces, isZero ? RoundUp(at) : at / Block * Block, Math.Min(isZero ? to / Block * Block
                    : RoundUp(to), end), isZero);
                at = to;
            }
        Add(pieces, at / Block * Block, end, isZero: true);
        return pieces;
    }

    private async Task<IReadOnlyList<NbdExtent>> ExtentsAsync(NbdClient view, long offset, long length,
        CancellationToken ct)
    {
        if (!view.MetaContexts.Contains(NbdExtent.BaseAllocation)) return [new NbdExtent(length, 0)];
        try
        {
            return await view.BlockStatusAsync(NbdExtent.BaseAllocation, offset, length, ct);
        }
        catch (NbdException e)
        {
            throw Unreadable(e);
        }
    }

    private static void Add(List<Piece> pieces, long from, long to, bool isZero)
    {
        // Two extents that share a block both bring it.
        if (pieces.Count > 0) from = Math.Max(from, pieces[^1].Offset + pieces[^1].Length);
        for (var step = isZero ? ZeroBytesMax : PieceBytes; from < to; from += step)
            pieces.Add(new Piece(from, Math.Min(step, to - from), isZero));
    }

    private async ValueTask CopyAsync(NbdClient view, IOpenVolume to, Piece piece, CancellationToken ct)
    {
        if (piece.IsZero)
        {
            await to.ZeroAsync(piece.Offset, piece.Length, ct);
            return;
        }
        var buffer = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            var data = buffer.AsMemory(0, (int)piece.Length);
            var there = (int)Math.Clamp(view.Info.Size - piece.Offset, 0, piece.Length);
            try
            {
                await view.ReadAsync(piece.Offset, data[..there], ct);
            }
            catch (NbdException e)
            {
                throw Unreadable(e);
            }
            data.Span[there..].Clear();
            if (!data.Span.ContainsAnyExcept((byte)0))
            {
                await to.ZeroAsync(piece.Offset, piece.Length, ct);
                return;
            }
            await to.WriteAsync(piece.Offset, data, ct);
            Interlocked.Add(ref _sent, piece.Length);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private SiteException Unreadable(NbdException e) => new(SiteFault.Refused,
        $"disk '{from.Disk}': its view {from.ViewSocket} ({from.ViewExport}) cannot be read: {e.Message}", e);

    private static long RoundUp(long bytes) => (bytes + Block - 1) / Block * Block;

    private readonly record struct Piece(long Offset, long Length, bool IsZero);
}
