// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

public sealed partial class NbdClient
{
    // The protocol has 32 bits for a length; a quarter of that is a multiple of every block size.
    private const long RangeBytesMax = 1L << 30;

    /// <summary>Fills the whole buffer. Offsets and lengths in bytes; what is too long for one is split.</summary>
    public async Task ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        CheckRange(offset, buffer.Length);
        foreach (var (at, count) in Pieces(buffer.Length, Info.MaxBlock))
        {
            var request = new PendingRequest(Command.Read, CommandFlags.None, offset + at, (uint)count)
            {
                Destination = buffer.Slice((int)at, (int)count),
            };
            await SubmitAsync(request, ReadOnlyMemory<byte>.Empty, ct);
        }
    }

    public async Task WriteAsync(long offset, ReadOnlyMemory<byte> data, bool fua, CancellationToken ct)
    {
        CheckChange(offset, data.Length, able: true, fua);
        foreach (var (at, count) in Pieces(data.Length, Info.MaxBlock))
        {
            var request = new PendingRequest(Command.Write, Fua(fua), offset + at, (uint)count);
            await SubmitAsync(request, data.Slice((int)at, (int)count), ct);
        }
    }

    public Task ZeroAsync(long offset, long length, NbdZeroFlags flags, CancellationToken ct)
    {
        var fast = flags.HasFlag(NbdZeroFlags.Fast);
        CheckChange(offset, length, Info.CanZero && (!fast || Info.CanFastZero), flags.HasFlag(NbdZeroFlags.Fua));
        var wire = Fua(flags.HasFlag(NbdZeroFlags.Fua))
            | (flags.HasFlag(NbdZeroFlags.NoHole) ? CommandFlags.NoHole : 0)
            | (fast ? CommandFlags.FastZero : 0);
        return EachPieceAsync(Command.WriteZeroes, wire, offset, length, ct);
    }

    public Task TrimAsync(long offset, long length, bool fua, CancellationToken ct)
    {
        CheckChange(offset, length, Info.CanTrim, fua);
        return EachPieceAsync(Command.Trim, Fua(fua), offset, length, ct);
    }

    /// <summary>Asks the server to have the range at hand soon.</summary>
    public Task CacheAsync(long offset, long length, CancellationToken ct)
    {
        CheckRange(offset, length);
        Require(Info.CanCache, "the server cannot cache");
        return EachPieceAsync(Command.Cache, CommandFlags.None, offset, length, ct);
    }

    /// <summary>Every write that was answered before is durable when it returns.</summary>
    public Task FlushAsync(CancellationToken ct)
    {
        Require(Info.CanFlush, "the server cannot flush");
        var request = new PendingRequest(Command.Flush, CommandFlags.None, 0, 0);
        return SubmitAsync(request, ReadOnlyMemory<byte>.Empty, ct);
    }

    /// <summary>
    /// The status of the whole range, in order, equal neighbours merged; asks as often as the server needs.
    /// </summary>
    /// <param name="context">One of <see cref="MetaContexts"/>.</param>
    public async Task<IReadOnlyList<NbdExtent>> BlockStatusAsync(
        string context, long offset, long length, CancellationToken ct)
    {
        CheckRange(offset, length);
        var agreed = _agreed.Contexts.Where(c => c.Name == context).Select(c => (uint?)c.Id).SingleOrDefault();
        Require(agreed is not null, $"meta context '{context}' was not agreed on");
        var extents = new NbdExtents();
        extents.Begin(length, NbdLimits.ExtentsCollectedMax);
        var (start, end) = (offset, offset + length);
        while (offset < end)
        {
            var count = (uint)Math.Min(end - offset, RangeBytesMax);
            var request = new PendingRequest(Command.BlockStatus, CommandFlags.None, offset, count);
            await SubmitAsync(request, ReadOnlyMemory<byte>.Empty, ct);
            var found = request.StatusOf(agreed!.Value)
                ?? throw new NbdException(NbdFault.ProtocolViolation, $"no status of '{context}' in the answer");
            foreach (var extent in found)
            {
                extents.Add(extent.Length, extent.Flags);
                offset += extent.Length;
            }
            Require(extents.Collected == offset - start,
                $"more than {NbdLimits.ExtentsCollectedMax} extents in {start}+{length}; ask for less");
        }
        return extents.Items;
    }

    private async Task EachPieceAsync(
        Command command, CommandFlags flags, long offset, long length, CancellationToken ct)
    {
        foreach (var (at, count) in Pieces(length, RangeBytesMax))
        {
            var request = new PendingRequest(command, flags, offset + at, (uint)count);
            await SubmitAsync(request, ReadOnlyMemory<byte>.Empty, ct);
        }
    }

    private static IEnumerable<(long At, long Count)> Pieces(long length, long max)
    {
        for (long at = 0; at < length; at += max)
            yield return (at, Math.Min(max, length - at));
    }

    private static CommandFlags Fua(bool fua) => fua ? CommandFlags.Fua : CommandFlags.None;

    private void CheckChange(long offset, long length, bool able, bool fua)
    {
        CheckRange(offset, length);
        Require(!Info.ReadOnly, "the export is read-only");
        Require(able, "the server does not offer this request");
        Require(!fua || Info.CanFua, "the server does not offer FUA");
    }

    private void CheckRange(long offset, long length)
    {
        Require(offset >= 0 && length >= 0 && offset <= Info.Size && length <= Info.Size - offset,
            $"{offset}+{length} is outside of an export of {Info.Size} bytes");
        Require(((offset | length) & (Info.MinBlock - 1)) == 0,
            $"{offset}+{length} is not in blocks of {Info.MinBlock}");
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new NbdException(NbdFault.InvalidRequest, otherwise);
    }
}
