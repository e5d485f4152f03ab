// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Replication.Resync;

// Compares a disk with its replica by a tree of digests, from the top: a node of 64 MiB that is equal costs 16 bytes
// of the link and a quarter of a request; of one that differs the 64 leaves are asked for. The other side works on the
// next nodes while this one reads the disk. What is known to be zeroes is neither read nor hashed.
internal sealed class TreeCompare(GapPullTask task, DigestLine line, DiskWindow window, SyncCounters counters)
{
    public const int NodeBytes = DigestRequest.NodeBytes;
    private const int LeafBytes = DigestRequest.LeafBytes;
    private const int Length = BlockDigest.Length;

    private Task<byte[]>? _asked;
    private long _askedFrom = -1;
    private byte[] _nodes = [];
    private long _nodesFrom, _nodesTo;

    /// <summary>The leaves of a node that differ.</summary>
    /// <param name="extents">What is stored there.</param>
    public async Task<List<PullArea>> DifferingAsync(
        long from, long to, IReadOnlyList<GapExtent> extents, CancellationToken ct)
    {
        var differ = new List<PullArea>();
        if (line.HasTrees) Look(from, ct);
        var ours = await LeavesAsync(from, to, extents, ct);
        if (line.HasTrees && await IsEqualAsync(from, ours, ct)) return differ;
        var theirs = await AskAsync(from, to, LeafBytes, ct);
        for (var i = 0; i * Length < ours.Length; i++)
            if (!ours.AsSpan(i * Length, Length).SequenceEqual(theirs.AsSpan(i * Length, Length)))
                PullArea.Extend(differ, from + (long)i * LeafBytes, Math.Min(from + (i + 1L) * LeafBytes, to));
        return differ;
    }

    public Task<byte[]> AskAsync(long from, long to, int blockBytes, CancellationToken ct)
    {
        var count = (int)((to - from + blockBytes - 1) / blockBytes);
        counters.AddDigests(DigestLine.WireBytes(count));
        return line.AskAsync(task.Sink.Volume, task.Sequence, from, blockBytes, count, ct);
    }

    private async Task<byte[]> LeavesAsync(
        long from, long to, IReadOnlyList<GapExtent> extents, CancellationToken ct)
    {
        var leaves = new byte[(int)((to - from + LeafBytes - 1) / LeafBytes) * Length];
        for (var at = from; at < to; at += LeafBytes)
        {
            var end = Math.Min(at + LeafBytes, to);
            var leaf = leaves.AsMemory((int)((at - from) / LeafBytes) * Length, Length);
            window.MoveTo(at);
            if (!await window.FillAsync(extents, at, end, ct)) BlockDigest.OfZeroes((int)(end - at)).CopyTo(leaf.Span);
            else BlockDigest.Compute(window.At(at, end - at).Span, leaf.Span);
        }
        return leaves;
    }

    private async Task<bool> IsEqualAsync(long from, byte[] leaves, CancellationToken ct)
    {
        if (from < _nodesFrom || from >= _nodesTo)
        {
            _nodes = await _asked!;
            (_nodesFrom, _nodesTo) = (_askedFrom, End(_askedFrom));
            _asked = null;
            if (_nodesTo < task.SizeBytes) Ask(_nodesTo, ct);
        }
        var digest = new byte[Length];
        BlockDigest.Compute(leaves, digest);
        return _nodes.AsSpan((int)((from - _nodesFrom) / NodeBytes) * Length, Length).SequenceEqual(digest);
    }

    // Asks for the digest of a node, and some behind it, unless that was done before.
    private void Look(long from, CancellationToken ct)
    {
        if (from >= _nodesFrom && from < _nodesTo) return;
        if (_asked is null || from < _askedFrom || from >= End(_askedFrom)) Ask(from, ct);
    }

    private void Ask(long from, CancellationToken ct)
    {
        _askedFrom = from;
        _asked = AskAsync(from, End(from), NodeBytes, ct);
    }

    private long End(long from) => Math.Min(from + DigestRequest.NodesBytesMax, task.SizeBytes);
}
