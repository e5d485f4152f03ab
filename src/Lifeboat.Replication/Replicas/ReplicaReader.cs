// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Journaling.Indexing;
using Lifeboat.Journaling.Segments;
using Lifeboat.Replication.Replicas.Checksums;

namespace Lifeboat.Replication.Replicas;

// The replica at one sequence S, for any number of threads.
//
// Invariants
//   The index covers (F, S] for the F at its making, and the hold keeps those records in the journal.
//   The base may move on from F to at most S meanwhile. Whatever folding changes there is in the index, so it is never
//   read from the base; whatever is read from the base is not changed by folding up to S.
//   No byte is given that was not verified now: of a record with its checksum, of a base block with its sum.
internal sealed class ReplicaReader(long sequence, ExtentIndex index, Replica replica,
    IReadOnlyDictionary<ushort, CheckedImage> images, IReadOnlyDictionary<ushort, long> sizes, JournalHold hold)
    : IDisposable
{
    private readonly ConcurrentStack<List<Extent>> _lists = new();
    private volatile bool _closed;

    public long Sequence => sequence;
    public Guid ReplicaId => replica.ReplicaId;

    /// <summary>See <see cref="Replica.ChangesAsync"/>.</summary>
    public Task<IReadOnlyDictionary<ushort, IReadOnlyList<ChangedRange>>?> ChangesAsync(
        Guid of, long since, CancellationToken ct) => replica.ChangesAsync(of, since, sequence, ct);

    /// <summary>Bytes of the volumes that are there.</summary>
    public IReadOnlyDictionary<ushort, long> Sizes => sizes;

    public long SizeOf(ushort volume) => sizes.TryGetValue(volume, out var size)
        ? size
        : throw new ReplicaException(ReplicaFault.VolumeUnknown, $"volume {volume} is not part of the replica then");

    /// <exception cref="ReplicaException">VolumeUnknown, or Damaged: the range has lost bytes.</exception>
    public async ValueTask ReadAsync(ushort volume, long offset, Memory<byte> buffer, CancellationToken ct)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        var image = Image(volume);
        if (offset < 0 || offset > SizeOf(volume) - buffer.Length)
            throw new ArgumentOutOfRangeException(nameof(offset), $"{offset}+{buffer.Length} of {SizeOf(volume)}");
        if (!_lists.TryPop(out var extents)) extents = [];
        index.Find(volume, offset, buffer.Length, extents);
        foreach (var extent in extents)
        {
            var part = buffer.Slice((int)(extent.Offset - offset), (int)extent.Length);
            if (extent.Source == Extent.Unknown) await ReadBaseAsync(image, extent.Offset, part, ct);
            else if (extent.Source == Extent.Zeroes) part.Span.Clear();
            else await ReadJournalAsync(image, extent, part, ct);
        }
        extents.Clear();
        _lists.Push(extents);
    }

    /// <summary>Known to be zeroes without reading. False: it may be anything.</summary>
    public async ValueTask<bool> IsZeroAsync(ushort volume, long offset, long length, CancellationToken ct)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        var image = Image(volume);
        if (!_lists.TryPop(out var extents)) extents = [];
        index.Find(volume, offset, length, extents);
        var zero = extents.TrueForAll(e => e.Source is Extent.Zeroes or Extent.Unknown);
        for (var i = 0; zero && i < extents.Count; i++)
            zero = extents[i].Source == Extent.Zeroes
                || await image.IsZeroAsync(extents[i].Offset, extents[i].Length, ct);
        extents.Clear();
        _lists.Push(extents);
        return zero;
    }

    public void Dispose()
    {
        _closed = true;
        hold.Dispose();
    }

    private async ValueTask ReadBaseAsync(CheckedImage image, long offset, Memory<byte> part, CancellationToken ct)
    {
        if (await image.ReadAsync(offset, part, ct) is { } damage) throw replica.Note(damage);
    }

    private async ValueTask ReadJournalAsync(CheckedImage image, Extent extent, Memory<byte> part, CancellationToken ct)
    {
        try
        {
            await index.ReadAsync(image.Volume, extent.Offset, extent.Source, part, ct);
            return;
        }
        catch (JournalException e) when (e.Damage is { } damage)
        {
            var refused = replica.Note(damage);
            // The index may name a record that has been folded: then the base has the same bytes.
            if (damage.Last > replica.FoldedSequence) throw refused;
        }
        catch (JournalException e)
        {
            throw JournalFailure.Translate(e);
        }
        await ReadBaseAsync(image, extent.Offset, part, ct);
    }

    private CheckedImage Image(ushort volume) => images.TryGetValue(volume, out var image)
        ? image
        : throw new ReplicaException(ReplicaFault.VolumeUnknown, $"volume {volume} is not part of the replica");
}
