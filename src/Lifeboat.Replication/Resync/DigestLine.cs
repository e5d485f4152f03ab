// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Linking;

namespace Lifeboat.Replication.Resync;

/// <summary>
/// Asks the replica for digests over one session. Ends with it: every wait is cancelled by its token.
/// </summary>
/// <param name="hasTrees">The peer knows nodes of the tree (link version 3).</param>
internal sealed class DigestLine(LinkPump pump, bool hasTrees)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<uint, (int Count, TaskCompletionSource<byte[]> Reply)> _asked = [];
    private uint _last;

    public bool HasTrees => hasTrees;

    /// <summary>Bytes of a request for so many digests and its answer, before encryption.</summary>
    public static long WireBytes(int count) => DigestRequest.WireBytes + DigestReply.WireBytesOf(count);

    public async Task<byte[]> AskAsync(ushort volume, long sequence, long offset, int blockBytes, int count,
        CancellationToken ct)
    {
        var reply = new TaskCompletionSource<byte[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        uint id;
        lock (_gate)
        {
            id = ++_last;
            _asked[id] = (count, reply);
        }
        pump.Post(new DigestRequest(id, volume, sequence, offset, blockBytes, count).Encode());
        return await reply.Task.ArriveAsync(ct);
    }

    /// <exception cref="LinkException">Protocol: nobody asked for this.</exception>
    public void Answer(DigestReply reply)
    {
        (int Count, TaskCompletionSource<byte[]> Reply) asked;
        lock (_gate)
            if (!_asked.Remove(reply.Id, out asked))
                throw MessageCodec.Fault($"digests that nobody asked for ({reply.Id})");
        if (reply.Digests.Length != asked.Count * DigestRequest.DigestLength)
            throw MessageCodec.Fault("another number of digests than asked for");
        asked.Reply.TrySetResult(reply.Digests.ToArray());
    }
}
