// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Linking;

namespace Lifeboat.Replication.Replicas;

// A hash compare asks for many digests at one sequence: its reader is kept until another sequence is asked for, or it
// has not been used for a while. In the meantime it holds folding back, as a view does, but not over a restart.
//
// Digests are a tree of two levels: leaves of 1 MiB, nodes of 64 MiB whose digest is that of their leaves' digests. The
// leaves of the last nodes are remembered, since whoever finds a node to differ asks for them next.
public sealed partial class Replica
{
    private static readonly TimeSpan DigestIdleLimit = TimeSpan.FromSeconds(60);
    // The batch that was compared for is through: whoever asks after that is late, or has not begun one yet.
    private static readonly TimeSpan DigestIdleOutside = TimeSpan.FromSeconds(5);
    private const int DigestReadBytes = 1 << 20;
    private const int NodesRemembered = 64;

    private volatile ReplicaReader? _digestReader;
    private byte[] _digestBuffer = [];
    private readonly Dictionary<(ushort Volume, long Offset), byte[]> _leaves = [];
    private readonly Queue<(ushort Volume, long Offset)> _leavesInOrder = new();
    private long? _digestHold; // set under _stateGate
    private long _digestUsed;

    /// <summary>
    /// Digests (SHA-256, first 16 bytes) of the blocks of a range as the replica has it at a sequence, incomplete batch
    /// included: this is for comparing bytes, not for booting. The last block may be short.
    /// </summary>
    /// <remarks>
    /// A block that is damaged has a digest of ones, which fits nothing: so a compare brings it. What is compared is
    /// under checksums from then on.
    /// </remarks>
    /// <param name="sequence">At most what was appended.</param>
    /// <param name="blockBytes">A power of two up to a leaf, or a node of the tree.</param>
    /// <param name="digests">16 bytes for each block.</param>
    /// <exception cref="ReplicaException">SequenceUnknown or VolumeUnknown.</exception>
    public async ValueTask DigestAsync(ushort volume, long offset, long length, int blockBytes, long sequence,
        Memory<byte> digests, CancellationToken ct)
    {
        await _digestGate.EnterAsync(ct);
        try
        {
            var reader = await DigestReaderAsync(sequence, ct);
            if (_images[volume] is var image && image.CheckedTo < offset + length)
                await BuildSumsAsync(image, offset + length, ct);
            if (blockBytes == DigestRequest.NodeBytes)
                await DigestNodesAsync(reader, volume, offset, offset + length, digests, ct);
            else if (blockBytes == DigestRequest.LeafBytes && _leaves.TryGetValue((volume, offset), out var known)
                && known.Length == digests.Length)
                known.CopyTo(digests);
            else await DigestBlocksAsync(reader, volume, offset, offset + length, blockBytes, digests, ct);
            _digestUsed = _time.GetTimestamp();
        }
        finally
        {
            _digestGate.Leave();
        }
    }

    private async ValueTask DigestNodesAsync(ReplicaReader reader, ushort volume, long offset, long end,
        Memory<byte> digests, CancellationToken ct)
    {
        for (; offset < end; offset += DigestRequest.NodeBytes)
        {
            var to = Math.Min(offset + DigestRequest.NodeBytes, end);
            var count = (int)((to - offset + DigestRequest.LeafBytes - 1) / DigestRequest.LeafBytes);
            var leaves = new byte[count * BlockDigest.Length];
            await DigestBlocksAsync(reader, volume, offset, to, DigestRequest.LeafBytes, leaves, ct);
            if (_leaves.TryAdd((volume, offset), leaves)) _leavesInOrder.Enqueue((volume, offset));
            if (_leavesInOrder.Count > NodesRemembered) _leaves.Remove(_leavesInOrder.Dequeue());
            BlockDigest.Compute(leaves, digests.Span);
            digests = digests[BlockDigest.Length..];
        }
    }

    private async ValueTask DigestBlocksAsync(ReplicaReader reader, ushort volume, long offset, long end,
        int blockBytes, Memory<byte> digests, CancellationToken ct)
    {
        var window = Math.Max(blockBytes, DigestReadBytes / blockBytes * blockBytes);
        var room = (int)Math.Min(window, end - offset);
        if (_digestBuffer.Length < room) _digestBuffer = new byte[room];
        for (; offset < end; offset += window)
        {
            var part = _digestBuffer.AsMemory(0, (int)Math.Min(window, end - offset));
            digests = await ComputeAsync(reader, volume, offset, part, blockBytes, digests, ct);
        }
    }

    private async ValueTask<ReplicaReader> DigestReaderAsync(long sequence, CancellationToken ct)
    {
        if (_digestReader is { } open && open.Sequence == sequence) return open;
        ReleaseDigests();
        // Held from here on: floor and reader are looked at under the same lock by folding.
        await _stateGate.EnterAsync(ct);
        try
        {
            var floor = Math.Max(FoldedSequence, _manifest.FoldingTo);
            if (sequence < floor || sequence > AppendedSequence)
                throw new ReplicaException(ReplicaFault.SequenceUnknown,
                    $"sequence {sequence} is not in the history ({floor} to {AppendedSequence})");
            _digestHold = sequence;
        }
        finally
        {
            _stateGate.Leave();
        }
        try
        {
            return _digestReader = await OpenReaderAsync(sequence, ct);
        }
        catch
        {
            ReleaseDigests();
            throw;
        }
    }

    private async ValueTask ReleaseIdleDigestsAsync(CancellationToken ct)
    {
        if (_digestReader is null) return;
        await _digestGate.EnterAsync(ct);
        try
        {
            var limit = InBatch ? DigestIdleLimit : DigestIdleOutside;
            if (_time.GetElapsedTime(_digestUsed) > limit) ReleaseDigests();
        }
        finally
        {
            _digestGate.Leave();
        }
    }

    // What is compared from here on is what is here now, also when nothing came in since the last time.
    private async ValueTask ForgetDigestsAsync(CancellationToken ct)
    {
        await _digestGate.EnterAsync(ct);
        try
        {
            ReleaseDigests();
        }
        finally
        {
            _digestGate.Leave();
        }
    }

    private void ReleaseDigests()
    {
        _digestReader?.Dispose();
        _digestReader = null;
        _digestHold = null;
        _leaves.Clear();
        _leavesInOrder.Clear();
    }

    private async ValueTask<Memory<byte>> ComputeAsync(ReplicaReader reader, ushort volume, long offset,
        Memory<byte> part, int blockBytes, Memory<byte> digests, CancellationToken ct)
    {
        // What is lost has to come, also if the journal still has a record of it that the base has already.
        if (!IsLost(volume, offset, part.Length))
        {
            try
            {
                // Holes are neither read nor hashed.
                if (await reader.IsZeroAsync(volume, offset, part.Length, ct))
                    return Zeroes(part.Length, blockBytes, digests);
                await reader.ReadAsync(volume, offset, part, ct);
                return Compute(part.Span, blockBytes, digests);
            }
            catch (ReplicaException e) when (e.Fault == ReplicaFault.Damaged)
            {
                // One by one, to find out which.
            }
        }
        if (part.Length <= blockBytes)
        {
            digests.Span[..BlockDigest.Length].Fill(0xFF);
            return digests[BlockDigest.Length..];
        }
        for (var at = 0; at < part.Length; at += blockBytes)
            digests = await ComputeAsync(reader, volume, offset + at,
                part.Slice(at, Math.Min(blockBytes, part.Length - at)), blockBytes, digests, ct);
        return digests;
    }

    private static Memory<byte> Zeroes(int length, int blockBytes, Memory<byte> digests)
    {
        for (; length > 0; length -= blockBytes, digests = digests[BlockDigest.Length..])
            BlockDigest.OfZeroes(Math.Min(blockBytes, length)).CopyTo(digests.Span);
        return digests;
    }

    private static Memory<byte> Compute(ReadOnlySpan<byte> bytes, int blockBytes, Memory<byte> digests)
    {
        for (; !bytes.IsEmpty; bytes = bytes[Math.Min(blockBytes, bytes.Length)..])
        {
            BlockDigest.Compute(bytes[..Math.Min(blockBytes, bytes.Length)], digests.Span);
            digests = digests[BlockDigest.Length..];
        }
        return digests;
    }
}
