// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Linking.Compression;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Replication.Receiving;

// One connection of a source. Frames at hand are appended together and flushed once (group commit), then acknowledged.
// More is received and appended while a flush is under way; the next one covers it.
// Appends and flushes are never cancelled in the middle: what the journal did must be known when a newer session
// begins.
internal sealed class ReceiverSession(ReplicaReceiver owner, ILinkConnection connection, Hello hello, TimeProvider time)
{
    private static readonly TimeSpan LostLook = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _cancel = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<Refused> _ordered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Replica _replica = owner.Replica;
    // Version 1 knows of no packing, and would not understand a reply that speaks of it.
    private readonly FrameAbilities _accepts = connection.Version >= 2 ? owner.Options.Accepts : FrameAbilities.None;
    private readonly Signal _toFlush = new();
    private AppendDesk? _appends;
    private long _sealed, _unflushedBytes, _unflushedSince;
    private volatile bool _unacknowledged; // something was appended since a flush last began

    public Epoch Epoch => hello.Epoch;
    public long Moves => hello.Moves;
    public Task Ended => _ended.Task;
    public bool Answered { get; private set; }

    public void Cancel() => _cancel.Cancel();
    public void Gone() => _ended.TrySetResult();
    public void Order(Refused refused) => _ordered.TrySetResult(refused);

    /// <summary>What ended the session, when neither side broke the protocol.</summary>
    public async Task<Refused> RunAsync(CancellationToken ct)
    {
        // Ends when the host stops (ct) or a newer session takes over (_cancel). Only the second is told as an outcome.
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, _cancel.Token);
        using var unpacker = new FrameUnpacker(_accepts);
        try
        {
            // What was said before the older session had ended may be over by now.
            if (!await _replica.TryClaimAsync(hello.Epoch, hello.Moves, ct)
                && owner.Behind(hello.Epoch, hello.Moves) is { } behind)
            {
                await LinkAcceptor.SendLastAsync(connection, behind, owner.Options.Timings, time, any.Token);
                return behind;
            }
            var flushed = await _replica.FlushAsync(CancellationToken.None);
            _sealed = _replica.Points is [.., var newest] ? newest.Sequence : 0;
            var reply = new HelloReply(_replica.Epoch, _replica.ReplicaId, _replica.StreamId, flushed.DurableSequence,
                _sealed, _replica.Seeded, _accepts)
            {
                // Before version 3 nobody asked, and nobody would understand.
                Sizes = connection.Version < 3 ? null
                    : [.. _replica.Sizes.OrderBy(s => s.Key).Select(s => new HelloVolume(s.Key, s.Value))],
            };
            await connection.SendAsync(reply.Encode(), any.Token);
            Answered = true;
            owner.LogAccepted(connection.PeerSite, hello.Epoch, flushed.DurableSequence);
            var pump = new LinkPump(connection, owner.Options.Timings, time, new Signal());
            var digests = new DigestDesk(owner, pump);
            var appends = _appends = new AppendDesk(owner, Judge);
            return await Together.RunAsync(any.Token,
                t => Together.ForeverAsync<Refused>(s => pump.SendAllAsync(null, s), t),
                t => Together.ForeverAsync<Refused>(pump.KeepAliveAsync, t),
                t => Together.ForeverAsync<Refused>(s => AskForLostAsync(pump, s), t),
                t => Together.ForeverAsync<Refused>(s => FlushAllAsync(pump, s), t),
                t => ReceiveAsync(pump, unpacker, appends, digests, t),
                async t => await SayAsync(pump, await appends.AppendAllAsync(t), t),
                async t => await SayAsync(pump, await digests.AnswerAllAsync(t), t),
                async t => await SayAsync(pump, await _ordered.Task.ArriveAsync(t), t));
        }
        catch (OperationCanceledException) when (_cancel.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            return End(ReasonCode.Conflict, "a newer session took over");
        }
    }

    private async Task<Refused> ReceiveAsync(
        LinkPump pump, FrameUnpacker unpacker, AppendDesk appends, DigestDesk digests, CancellationToken ct)
    {
        while (true)
        {
            var next = pump.ReceiveAsync(appends.Place, ct).AsTask();
            if (!next.IsCompleted && await appends.PauseAsync() is { } late) return await SayAsync(pump, late, ct);
            if (_unacknowledged && (!next.IsCompleted || FlushIsDue())) _toFlush.Set();
            if (await next is not { } message) return End(ReasonCode.LinkDown, "the source closed the connection");
            var refused = message.Kind == MessageKind.Frame
                ? await appends.TakeAsync(
                    unpacker.Open(message.Payload, message.Body, out var records), records, ct)
                : await appends.DrainAsync(ct);
            if (refused is not null) return await SayAsync(pump, refused, ct);
            switch (message.Kind)
            {
                case MessageKind.Frame: continue;
                case MessageKind.DigestRequest:
                    await digests.TakeAsync(DigestRequest.Decode(message.Payload.Span), ct);
                    continue;
                case MessageKind.Bye: return End(Bye.Decode(message.Payload.Span).Reason, "the source left");
                case var kind: throw MessageCodec.Fault($"{kind}, which a source never sends");
            }
        }
    }

    private bool FlushIsDue() => Interlocked.Read(ref _unflushedBytes) >= owner.Options.FlushBytes
        || time.GetElapsedTime(_unflushedSince) >= owner.Options.FlushDelay;

    // Who receives looks whether a flush is due as well: it pauses before it looks, this looks whether it pauses last.
    private Refused? Judge(Run run, ReplicaAppendOutcome outcome)
    {
        if (!_unacknowledged) _unflushedSince = time.GetTimestamp();
        _unacknowledged = true;
        if (outcome == ReplicaAppendOutcome.Appended) Interlocked.Add(ref _unflushedBytes, run.Length);
        if (_appends!.Pauses || FlushIsDue()) _toFlush.Set();
        var frame = run.Frame;
        return outcome switch
        {
            ReplicaAppendOutcome.Appended or ReplicaAppendOutcome.Duplicate => null,
            ReplicaAppendOutcome.StaleEpoch => End(ReasonCode.StaleEpoch, $"the group is in epoch {_replica.Epoch}"),
            ReplicaAppendOutcome.TargetTooSmall =>
                End(ReasonCode.TargetTooSmall, "a volume grew at the source and its disk here cannot"),
            ReplicaAppendOutcome.Full => End(ReasonCode.TargetFull, "no room in the replica's storage"),
            // Wrong but curable: the next hello finds out where to go on.
            ReplicaAppendOutcome.UnknownStream or ReplicaAppendOutcome.SequenceGap or ReplicaAppendOutcome.Corrupt
                or ReplicaAppendOutcome.EpochAhead =>
                throw MessageCodec.Fault($"records {frame.First} to {frame.Last}: {outcome}"),
            ReplicaAppendOutcome.CheckpointInBatch or ReplicaAppendOutcome.OutOfRange
                or ReplicaAppendOutcome.UnknownVolume =>
                End(ReasonCode.InvalidRequest, $"records {frame.First} to {frame.Last}: {outcome}"),
        };
    }

    private async Task FlushAllAsync(LinkPump pump, CancellationToken ct)
    {
        while (true)
        {
            await _toFlush.WaitAsync(ct);
            if (_unacknowledged) await FlushAsync(pump);
        }
    }

    private async Task FlushAsync(LinkPump pump)
    {
        // First: what is appended from here on may not be in this flush, and asks for the next.
        _unacknowledged = false;
        Interlocked.Exchange(ref _unflushedBytes, 0);
        if (owner.Flaws.SealBeforeDurable)
            pump.Post(new Ack(_replica.StreamId, _replica.AppendedSequence, _replica.AppendedSequence).Encode());
        var flushed = await _replica.FlushAsync(CancellationToken.None);
        if (flushed.Sealed is [.., var newest]) _sealed = newest.Sequence;
        pump.Post(new Ack(_replica.StreamId, flushed.DurableSequence, _sealed).Encode());
    }

    // Asked for as soon as it is known, and again while it does not come: the source may have had no instance to read
    // it from, or a resync of its own that did not bring it.
    private async Task AskForLostAsync(LinkPump pump, CancellationToken ct)
    {
        // A source of version 1 would take the request for a fault.
        if (connection.Version < 2) await Task.Delay(Timeout.InfiniteTimeSpan, time, ct);
        IReadOnlyList<LostRange> asked = [];
        var askedAt = 0L;
        while (true)
        {
            var lost = _replica.Lost;
            if (lost.Count > 0 && !_replica.InBatch
                && (!lost.SequenceEqual(asked) || time.GetElapsedTime(askedAt) >= AskAgainAfter))
            {
                await _replica.LookAgainAsync(ct);
                (asked, askedAt) = (_replica.Lost, time.GetTimestamp());
                if (asked.Count > 0) pump.Post(new Resend(asked).Encode());
            }
            await Task.Delay(LostLook, time, ct);
        }
    }

    private static async Task<Refused> SayAsync(LinkPump pump, Refused refused, CancellationToken ct)
    {
        await pump.PostLastAsync(refused.Encode(), ct);
        return refused;
    }

    private Refused End(ReasonCode reason, string detail) => new(reason, _replica.Epoch, detail);
}
