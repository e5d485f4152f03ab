// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using System.Net.Sockets;
using Lifeboat.Contracts.Agents;
using Lifeboat.Nbd;
using Lifeboat.Sites.OpenStack.Filling;

namespace Lifeboat.Sites.OpenStack.Standing;

/// <summary>Makes a volume what a view is, by writing as little as is known to be enough.</summary>
/// <param name="bytesPerSecond">Read or written at most; null: as fast as it goes.</param>
internal sealed class PointWriter(DiskSource from, long sizeBytes, long? bytesPerSecond,
    IProgress<StandingProgress> progress, TimeProvider time)
{
    private const int Block = 4096;
    private const int Piece = 64 << 10;
    private const int Chunk = 1 << 20;
    private const long Asked = 1L << 30;
    private const int AtOnce = 8;

    private readonly long _start = time.GetTimestamp();
    private readonly long _end = (sizeBytes + Block - 1) / Block * Block;
    private long _moved;
    private long _written;

    /// <summary>Writes what may differ between the view and what the volume holds.</summary>
    /// <returns>Bytes written; null, and nothing was: the replica does not know any more where it may differ.</returns>
    public async Task<long?> WriteChangesAsync(Holding holds, IOpenVolume into, CancellationToken ct)
    {
        var isOlder = from.Point!.Sequence < holds.High;
        string[] contexts = [.. new[] { holds.Low, holds.High }.Distinct()
            .Select(s => ChangedContext.Name(holds.Replica, s))];
        await using var view = await OpenAsync(contexts, ct);
        if (view.MetaContexts.Count < contexts.Length) return null;
        if (await ChangedAsync(view, contexts, ct) is not { } ranges) return null;
        await EachAsync(ranges, (range, buffer) => CopyAsync(view, range, buffer, into, skipsZeros: false, ct), ct);
        // The disk may have been longer than it was at this point.
        if (isOlder) await ClearBehindAsync(into, ct);
        await into.FlushAsync(ct);
        return _written;
    }

    /// <summary>Writes all of the view into a volume that reads as zeros.</summary>
    public async Task<long> FillAsync(IOpenVolume into, CancellationToken ct)
    {
        await using var view = await OpenAsync([], ct);
        await EachAsync([(0, _end)], (range, buffer) => CopyAsync(view, range, buffer, into, skipsZeros: true, ct),
            ct);
        await into.FlushAsync(ct);
        return _written;
    }

    /// <summary>Writes where the volume differs from the view; what cannot be read is written all over.</summary>
    public async Task<long> CompareAsync(IOpenVolume into, CancellationToken ct)
    {
        await using var view = await OpenAsync([], ct);
        await EachAsync([(0, _end)], (range, buffer) => into is IReadableVolume readable
            ? CompareAsync(view, range, buffer, readable, ct)
            : CopyAsync(view, range, buffer, into, skipsZeros: false, ct), ct);
        await ClearBehindAsync(into, ct);
        await into.FlushAsync(ct);
        return _written;
    }

    private async Task<NbdClient> OpenAsync(string[] contexts, CancellationToken ct)
    {
        try
        {
            return await NbdClient.ConnectAsync(new UnixDomainSocketEndPoint(from.ViewSocket!), new NbdClientOptions
            {
                Export = from.ViewExport ?? "", MetaContexts = contexts, Time = time,
            }, ct);
        }
        catch (NbdException e)
        {
            throw Unread(e);
        }
    }

    // A volume whose writing was cut short is between two states: whatever changed from either of them to the view.
    // Between the two themselves nothing need be asked: one of the two spans holds the other one's end.
    private async Task<List<(long Offset, long Length)>?> ChangedAsync(NbdClient view, string[] contexts,
        CancellationToken ct)
    {
        var all = new List<(long Offset, long Length)>();
        try
        {
            foreach (var context in contexts)
                for (long at = 0; at < view.Info.Size;)
                    foreach (var extent in await view.BlockStatusAsync(context, at,
                        Math.Min(Asked, view.Info.Size - at), ct))
                    {
                        if (extent.Flags == ChangedContext.Changed) all.Add((at, extent.Length));
                        at += extent.Length;
                    }
        }
        catch (NbdException e) when (e.Error is NbdError.NotSupported)
        {
            return null;
        }
        catch (NbdException e)
        {
            throw Unread(e);
        }
        return Joined(all);
    }

    private List<(long Offset, long Length)> Joined(List<(long Offset, long Length)> all)
    {
        all.Sort();
        var joined = new List<(long Offset, long Length)>(all.Count);
        foreach (var (offset, length) in all)
        {
            var start = offset / Block * Block;
            var end = Math.Min(_end, (offset + length + Block - 1) / Block * Block);
            if (joined.Count > 0 && joined[^1] is var last && start <= last.Offset + last.Length)
                joined[^1] = last with { Length = Math.Max(end, last.Offset + last.Length) - last.Offset };
            else if (end > start)
                joined.Add((start, end - start));
        }
        return joined;
    }

    private async Task EachAsync(IReadOnlyList<(long Offset, long Length)> ranges,
        Func<(long Offset, int Length), byte[], Task> act, CancellationToken ct)
    {
        var total = ranges.Sum(r => r.Length);
        progress.Report(new StandingProgress(0, total));
        var chunks = ranges.SelectMany(r => ChunksOf(r.Offset, r.Length));
        var each = new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = ct };
        await Parallel.ForEachAsync(chunks, each, async (chunk, token) =>
        {
            var buffer = ArrayPool<byte>.Shared.Rent(2 * Chunk);
            try
            {
                await act(chunk, buffer);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
            var moved = Interlocked.Add(ref _moved, chunk.Length);
            progress.Report(new StandingProgress(moved, total));
            await SlowDownAsync(moved, token);
        });
    }

    private static IEnumerable<(long Offset, int Length)> ChunksOf(long offset, long length)
    {
        for (var end = offset + length; offset < end;)
        {
            // Where every chunk of this size begins, so that zeros are seen as zeros.
            var stop = Math.Min(end, (offset / Chunk + 1) * Chunk);
            yield return (offset, (int)(stop - offset));
            offset = stop;
        }
    }

    private async Task SlowDownAsync(long moved, CancellationToken ct)
    {
        if (bytesPerSecond is not { } most) return;
        var ahead = TimeSpan.FromSeconds((double)moved / most) - time.GetElapsedTime(_start);
        if (ahead > TimeSpan.Zero) await Task.Delay(ahead, time, ct);
    }

    private async Task CopyAsync(NbdClient view, (long Offset, int Length) range, byte[] buffer, IOpenVolume into,
        bool skipsZeros, CancellationToken ct)
    {
        var data = buffer.AsMemory(0, range.Length);
        await ReadAsync(view, range.Offset, data, ct);
        await PutAsync(range.Offset, data, _ => true, into, skipsZeros, ct);
    }

    private async Task CompareAsync(NbdClient view, (long Offset, int Length) range, byte[] buffer,
        IReadableVolume into, CancellationToken ct)
    {
        var (data, has) = (buffer.AsMemory(0, range.Length), buffer.AsMemory(Chunk, range.Length));
        await ReadAsync(view, range.Offset, data, ct);
        await into.ReadAsync(range.Offset, has, ct);
        await PutAsync(range.Offset, data, piece => !data[piece].Span.SequenceEqual(has[piece].Span), into,
            skipsZeros: false, ct);
    }

    // Neighbouring pieces of one kind are written together.
    private async Task PutAsync(long offset, ReadOnlyMemory<byte> data, Func<Range, bool> isWanted, IOpenVolume into,
        bool skipsZeros, CancellationToken ct)
    {
        for (var at = 0; at < data.Length;)
        {
            var kind = KindOf(at);
            var end = at;
            do end = Math.Min(end + Piece, data.Length);
            while (end < data.Length && KindOf(end) == kind);
            if (kind is Kind.Data) await into.WriteAsync(offset + at, data[at..end], ct);
            if (kind is Kind.Zeros) await into.ZeroAsync(offset + at, end - at, ct);
            if (kind is not Kind.Left) Interlocked.Add(ref _written, end - at);
            at = end;
        }

        Kind KindOf(int start)
        {
            var piece = start..Math.Min(start + Piece, data.Length);
            if (!isWanted(piece)) return Kind.Left;
            return data[piece].Span.ContainsAnyExcept((byte)0) ? Kind.Data : skipsZeros ? Kind.Left : Kind.Zeros;
        }
    }

    private async Task ClearBehindAsync(IOpenVolume into, CancellationToken ct)
    {
        if (into.SizeBytes > _end) await into.ZeroAsync(_end, into.SizeBytes - _end, ct);
    }

    // Behind the end of a disk that does not end with a block there are zeros.
    private async Task ReadAsync(NbdClient view, long offset, Memory<byte> buffer, CancellationToken ct)
    {
        var there = (int)Math.Min(buffer.Length, sizeBytes - offset);
        buffer[there..].Span.Clear();
        try
        {
            await view.ReadAsync(offset, buffer[..there], ct);
        }
        catch (NbdException e)
        {
            throw Unread(e);
        }
    }

    private SiteException Unread(NbdException e) =>
        new(SiteFault.Refused, $"disk '{from.Disk}': the view of its point cannot be read: {e.Message}", e);

    private enum Kind
    {
        Left = 1,
        Data = 2,
        Zeros = 3,
    }
}
