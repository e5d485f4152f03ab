// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Replication.Receiving;

// Answers one session's requests for digests, one after the other and beside the frames: a hash compare of a terabyte
// must not make the writes behind it wait. When too many wait here the session stops reading until one is answered.
internal sealed class DigestDesk(ReplicaReceiver owner, LinkPump pump)
{
    private const int WaitingMax = 64;
    private readonly Lock _gate = new();
    private readonly Queue<DigestRequest> _waiting = new();
    private readonly Signal _asked = new(), _room = new();
    private readonly Replica _replica = owner.Replica;

    /// <exception cref="LinkException">Protocol: of something that is not there.</exception>
    public async Task TakeAsync(DigestRequest request, CancellationToken ct)
    {
        Check(request);
        while (!TryEnqueue(request)) await _room.WaitAsync(ct);
        _asked.Set();
    }

    /// <returns>Why the session is over.</returns>
    public async Task<Refused> AnswerAllAsync(CancellationToken ct)
    {
        while (true)
        {
            if (!TryDequeue(out var request))
            {
                await _asked.WaitAsync(ct);
                continue;
            }
            _room.Set();
            if (await AnswerAsync(request, ct) is { } refused) return refused;
        }
    }

    private void Check(DigestRequest request)
    {
        if (request.Offset >= SizeOf(request) || request.Sequence > _replica.DurableSequence)
            throw MessageCodec.Fault($"a request for digests of volume {request.Volume} at {request.Sequence}");
        var blocks = (LengthOf(request) + request.BlockBytes - 1) / request.BlockBytes;
        if (blocks != request.Count)
            throw MessageCodec.Fault($"a request for digests beyond volume {request.Volume}");
    }

    private async Task<Refused?> AnswerAsync(DigestRequest request, CancellationToken ct)
    {
        var reply = DigestReply.New(request.Id, request.Count, out var digests);
        try
        {
            await _replica.DigestAsync(request.Volume, request.Offset, LengthOf(request),
                request.BlockBytes, request.Sequence, digests, ct);
        }
        catch (ReplicaException e)
        {
            // What is not in the history any more the next hello settles; the rest is a replica that cannot be read.
            var gone = e.Fault == ReplicaFault.SequenceUnknown;
            return new Refused(gone ? ReasonCode.Conflict : ReasonCode.JournalCorrupt, _replica.Epoch, e.Message);
        }
        MessageCodec.Seal(reply, MessageKind.DigestReply);
        pump.Post(reply);
        return null;
    }

    private long SizeOf(DigestRequest request) => _replica.SizeAt(request.Volume, request.Sequence);

    // The last block of a volume may be short.
    private long LengthOf(DigestRequest request) =>
        Math.Min((long)request.BlockBytes * request.Count, SizeOf(request) - request.Offset);

    private bool TryEnqueue(DigestRequest request)
    {
        lock (_gate)
        {
            if (_waiting.Count >= WaitingMax) return false;
            _waiting.Enqueue(request);
            return true;
        }
    }

    private bool TryDequeue(out DigestRequest request)
    {
        lock (_gate) return _waiting.TryDequeue(out request);
    }
}
