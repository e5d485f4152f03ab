// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling;
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Replication.Replicas.Checksums;

namespace Lifeboat.Replication.Replicas;

// A pass reads all that a recovery would: manifest, journal (heads, records, indexes), base images with their sums.
// Base images that have no sums yet get them first. What can be made again at once is; the rest waits for the source.
public sealed partial class Replica
{
    private const int ScrubReadBytes = 1 << 20;
    private const long SumsKeptEvery = 256L << 20;

    private readonly Turnstile _scrubGate = new();
    private long _scrubSequence, _scrubTo, _scrubOffset, _passBytes, _lastPassBytes, _sumsUnkept;
    private int _scrubImage;
    private bool _scrubbing;

    public ReplicaScrubState ScrubState => new(_manifest.ScrubbedAt, Interlocked.Read(ref _lastPassBytes),
        Interlocked.Read(ref _passBytes), _volumeSizes.Latest.Values.Sum() is > 0 and var total
            ? (double)_images.Values.Sum(i => i.CheckedTo) / total : 1);

    /// <summary>Goes on with the pass under way, or begins one.</summary>
    /// <param name="budgetBytes">Stop after about this many bytes read.</param>
    /// <exception cref="StorageException">Reading failed; it may be tried again.</exception>
    /// <exception cref="ReplicaException">Corrupt: a segment cannot be read at all.</exception>
    public async Task<ScrubOutcome> ScrubAsync(long budgetBytes, CancellationToken ct)
    {
        await _scrubGate.EnterAsync(ct);
        try
        {
            if (!_scrubbing) await BeginPassAsync(ct);
            for (long done = 0; done < budgetBytes;)
            {
                var read = _scrubSequence <= _scrubTo
                    ? await ScrubJournalAsync(budgetBytes - done, ct)
                    : await ScrubImagesAsync(ct);
                Interlocked.Add(ref _passBytes, read);
                done += read;
                if (_scrubSequence <= _scrubTo || _scrubImage < _images.Count) continue;
                await EndPassAsync(ct);
                return ScrubOutcome.PassDone;
            }
            TakeJournalDamages();
            return ScrubOutcome.More;
        }
        catch (JournalException e)
        {
            throw JournalFailure.Translate(e);
        }
        finally
        {
            _scrubGate.Leave();
        }
    }

    private async Task BeginPassAsync(CancellationToken ct)
    {
        // What comes in meanwhile is the next pass's: one that ran after it might never end.
        (_scrubbing, _scrubSequence, _scrubTo, _scrubImage, _scrubOffset) = (true, 0, DurableSequence, 0, 0);
        Interlocked.Exchange(ref _passBytes, 0);
        await _stateGate.EnterAsync(ct);
        try
        {
            if (await ManifestFile.DamagedAsync(_manifest, _storage, ct) is not { } file) return;
            await ChangeLockedAsync(m => m);
            NoteManifest(file);
        }
        finally
        {
            _stateGate.Leave();
        }
    }

    private void NoteManifest(string file) => Add(new ReplicaDamage(DamagePlace.Manifest, file, 0, 0, 0, 0, 0,
        _time.GetUtcNow(), null, Repaired: true));

    // Folding would trim what is being read.
    private async Task<long> ScrubJournalAsync(long budget, CancellationToken ct)
    {
        await _foldGate.EnterAsync(ct);
        try
        {
            var from = Math.Max(_scrubSequence, Math.Max(_journal.FirstSequence, FoldedSequence));
            var scrub = await _journal.ScrubAsync(from, budget, ct);
            _scrubSequence = scrub.Next;
            return scrub.Bytes;
        }
        finally
        {
            _foldGate.Leave();
        }
    }

    private async Task<long> ScrubImagesAsync(CancellationToken ct)
    {
        if (_scrubImage >= _images.Count) return 0;
        var image = _images[Definition.Volumes[_scrubImage].Index];
        if (image.CheckedTo < image.SizeBytes)
            return await BuildSumsAsync(image, image.CheckedTo + ScrubReadBytes, ct);
        var length = (int)Math.Min(ScrubReadBytes, image.SizeBytes - _scrubOffset);
        await VerifyAsync(image, _scrubOffset, length, ct);
        _scrubOffset += length;
        if (_scrubOffset >= image.SizeBytes) (_scrubImage, _scrubOffset) = (_scrubImage + 1, 0);
        return length;
    }

    // All that is damaged in the range, one run of blocks after the other.
    private async Task VerifyAsync(CheckedImage image, long offset, long length, CancellationToken ct)
    {
        using var buffer = Scratch.Rent((int)Math.Min(length, ScrubReadBytes));
        for (var end = offset + length; offset < end;)
        {
            var part = buffer.Memory[..(int)Math.Min(buffer.Memory.Length, end - offset)];
            if (await image.ReadAsync(offset, part, ct) is { } damage)
            {
                Note(damage);
                offset = Math.Max(offset + 1, damage.Offset + damage.Length);
            }
            else offset += part.Length;
        }
    }

    private async Task EndPassAsync(CancellationToken ct)
    {
        TakeJournalDamages();
        await MendAsync(ct);
        _scrubbing = false;
        Interlocked.Exchange(ref _lastPassBytes, Interlocked.Exchange(ref _passBytes, 0));
        await ChangeWithDamagesAsync(m => m with { ScrubbedAt = _time.GetUtcNow(), Sums = Sums() }, ct);
    }

    // Gives blocks their sums, up to about this byte: what is there now counts as right, but for what is known to be
    // wrong.
    private async Task<long> BuildSumsAsync(CheckedImage image, long upTo, CancellationToken ct)
    {
        upTo = Math.Min(upTo, image.SizeBytes);
        var from = image.CheckedTo;
        while (image.CheckedTo < upTo)
        {
            await _baseGate.EnterAsync(ct);
            try
            {
                // Cut off in the middle of a fold its blocks are not what they are to be.
                if (_pending is not null) return ScrubReadBytes;
                await BuildPartAsync(image, ct);
            }
            finally
            {
                _baseGate.Leave();
            }
        }
        await image.FlushSumsAsync(ct);
        _sumsUnkept += image.CheckedTo - from;
        if (_sumsUnkept >= SumsKeptEvery || image.CheckedTo == image.SizeBytes)
        {
            _sumsUnkept = 0;
            await ChangeAsync(m => m with { Sums = Sums() }, ct);
        }
        return image.CheckedTo - from;
    }

    private async Task BuildPartAsync(CheckedImage image, CancellationToken ct)
    {
        const int sectors = 2;
        var at = image.CheckedTo;
        if (at >= image.SizeBytes) return;
        using var scratch = Scratch.Rent((int)Math.Min(sectors * SumSector.Covers, image.SizeBytes - at));
        var bytes = scratch.Memory;
        var lost = new List<long>();
        await image.Raw.ReadAsync(at, bytes, lost, ct);
        var first = at / SumSector.Covers;
        var count = (int)((bytes.Length + SumSector.Covers - 1) / SumSector.Covers);
        var table = new byte[count * SumSector.Bytes];
        for (var block = 0; block * BlockSum.BlockBytes < bytes.Length; block++)
        {
            var content = bytes.Span[(block * BlockSum.BlockBytes)..];
            content = content[..Math.Min(BlockSum.BlockBytes, content.Length)];
            var offset = at + (long)block * BlockSum.BlockBytes;
            var isLost = lost.Contains(offset) || IsLostInBase(image.Volume, offset, content.Length);
            SumSector.Set(table.AsSpan(block / SumSector.Blocks * SumSector.Bytes, SumSector.Bytes),
                block % SumSector.Blocks, isLost ? BlockSum.Poison(content) : BlockSum.Of(content));
        }
        for (var i = 0; i < count; i++)
            SumSector.Seal(table.AsSpan(i * SumSector.Bytes, SumSector.Bytes), image.Volume, first + i);
        await image.Table.WriteAsync(first, table, ct);
        image.CheckedTo = at + bytes.Length;
        foreach (var block in lost)
            Note(new BaseDamage(image.Volume, block, Math.Min(BlockSum.BlockBytes, image.SizeBytes - block), false));
    }

    private ManifestSums[] Sums() =>
        [.. _images.Values.OrderBy(i => i.Volume).Select(i => new ManifestSums(i.Volume, i.DurableTo))];
}
