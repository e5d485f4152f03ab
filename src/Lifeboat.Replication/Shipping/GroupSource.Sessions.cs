// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Links;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Linking.Compression;
using Lifeboat.Replication.Linking.Stripes;
using Lifeboat.Replication.Resync;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Replication.Shipping;

// Connecting, agreeing where to go on, and what follows from the end of a session.
public sealed partial class GroupSource
{
    private Guid _replica, _baseStream;
    private bool _seeded, _statesSizes, _arriving;
    private CancellationToken _runToken;

    private async Task<bool> LinkForeverAsync(CancellationToken ct)
    {
        _runToken = ct;
        // An agent that was killed in a moment left its images, and the link may be away for long.
        if (_moments is not null) await InTurnAsync(_moments.Tap.DetachAsync, ct);
        while (true)
        {
            await DropStaleMomentAsync(ct);
            await WhileSuspendedAsync(ct);
            var end = await LiveOnceAsync(ct);
            if (_connected) _sessionOverAt = _time.GetTimestamp();
            _connected = false;
            LogSessionEnded(_options.Group, end.Reason, end.Detail);
            if (end.Refused && end.Reason is ReasonCode.StaleEpoch or ReasonCode.Migrated)
            {
                await FenceAsync(end.Reason, end.Detail, ct);
                return true;
            }
            if (end.Reason != ReasonCode.SuspendedByOperator) await Task.Delay(Settle(end), _time, ct);
        }
    }

    private async Task<SessionEnd> LiveOnceAsync(CancellationToken ct)
    {
        try
        {
            await using var connection = await ConnectAsync(ct);
            return await RunSessionAsync(connection, ct);
        }
        catch (LinkException e)
        {
            var reason = e.Fault == LinkFault.CertificateRefused ? ReasonCode.CertificateRefused : ReasonCode.LinkDown;
            return new SessionEnd(reason, e.Message);
        }
    }

    private async Task<ILinkConnection> ConnectAsync(CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(_options.Timings.HelloLimit, _time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        try
        {
            if (_budget.Paths is { Count: > 0 } paths)
                return await new StripedLink(_link, _budget, _options.Timings, _time)
                    .ConnectAsync(_options.Target, _options.RecoverySite, paths, _chance, any.Token);
            return await _link.ConnectAsync(_options.Target, _options.RecoverySite, LinkPath.Any, any.Token);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new LinkException(LinkFault.Unreachable, $"{_options.Target} did not answer in time", e);
        }
    }

    /// <returns>How long to wait before the next session.</returns>
    private TimeSpan Settle(SessionEnd end)
    {
        // A recovery site that cannot take anything for long: better a change map in QEMU than a full outbox here. One
        // that only is not ready yet is like a link that is down.
        if (end.Refused && end.Reason is not (ReasonCode.GroupUnknown or ReasonCode.Conflict))
            Leave(end.Reason, end.Detail);
        if (_stream is { IsGivenUp: true }) return _return.Next();
        SetState(_state.Phase, end.Reason, end.Detail);
        return _retry.Next();
    }

    private async Task<SessionEnd> RunSessionAsync(ILinkConnection connection, CancellationToken ct)
    {
        var (reply, refused) = await AskAsync(connection, ct);
        if (refused is not null) return new SessionEnd(refused.Reason, refused.Detail, Refused: true);
        var stream = await GoOnFromAsync(reply!, ct);
        _retry.Reset();
        _connected = true;
        LogSessionBegan(_options.Group, reply!.Durable, stream.StreamId);
        var gauge = new LinkGauge(_time);
        using var packer = new FramePacker(
            new CompressionChooser(() => _budget.Compression, reply.Accepts, gauge, _time), _time);
        using var share = _budget.Join(() => (LinkPriority)_priority, GroupName.TenantOf(_options.Group));
        var feed = _feed = new FrameFeed(stream, share, () => _shipRate, packer, gauge, _time);
        var pump = new LinkPump(connection, _options.Timings, _time, stream.ToShip);
        var digests = new DigestLine(pump, hasTrees: connection.Version >= 3);
        try
        {
            return await Together.RunAsync(ct,
                t => Together.ForeverAsync<SessionEnd>(f => pump.SendAllAsync(feed, f), t),
                t => Together.ForeverAsync<SessionEnd>(pump.KeepAliveAsync, t),
                t => stream.IsLeft
                    ? SentAsync(stream, t)
                    : Together.ForeverAsync<SessionEnd>(f => TendAsync(stream, digests, f), t),
                t => HearAsync(stream, pump, digests, t),
                SuspendedAsync,
                t => PathsChangedAsync(share, t),
                async t => new SessionEnd(await stream.GivenUp.ArriveAsync(t), "capture was given up"));
        }
        finally
        {
            Interlocked.Add(ref _shippedBefore, feed.ShippedBytes);
            Interlocked.Add(ref _wireBefore, feed.WireBytes);
            _feed = null;
        }
    }

    private async Task<(HelloReply? Reply, Refused? Refused)> AskAsync(ILinkConnection connection, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(_options.Timings.HelloLimit, _time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        try
        {
            var known = _stream;
            var hello = new Hello(_options.Group, _options.Epoch, _replica, known?.StreamId ?? Guid.Empty,
                Volatile.Read(ref _durableKnown),
                [.. _slots.Select(s => new HelloVolume(s.Disk.Index, s.SizeBytes))])
            {
                // An older peer would not understand, and knows no site with several agents.
                Moves = connection.Version >= 4 ? _options.Moves : 0,
            };
            await connection.SendAsync(hello.Encode(), any.Token);
            if (await connection.ReceiveAsync(any.Token) is not { } message)
                throw new LinkException(LinkFault.Broken, "the peer closed instead of answering");
            return MessageCodec.Open(message, out var payload) switch
            {
                MessageKind.HelloReply => (HelloReply.Decode(payload.Span), null),
                MessageKind.Refused => (null, Refused.Decode(payload.Span)),
                var kind => throw MessageCodec.Fault($"{kind} instead of an answer to the hello"),
            };
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new LinkException(LinkFault.Broken, "no answer to the hello in time", e);
        }
    }

    private static async Task<SessionEnd> PathsChangedAsync(LinkShare share, CancellationToken ct)
    {
        await share.PathsChanged.WaitAsync(ct);
        return new SessionEnd(ReasonCode.LinkDown, "the link goes over other paths from now on");
    }

    // What an earlier stream left is with the recovery site: the next session begins a new one.
    private async Task<SessionEnd> SentAsync(CaptureStream left, CancellationToken ct)
    {
        await left.WaitDurableAsync(left.LastSequence, ct);
        TellEnded(_sync);
        return new SessionEnd(ReasonCode.Resync, "what the log had of an earlier stream is durable there");
    }

    private async Task<CaptureStream> GoOnFromAsync(HelloReply reply, CancellationToken ct)
    {
        var sameReplica = reply.Replica == _replica;
        _points.Meet(reply.Sealed);
        _points.SealUpTo(sameReplica ? reply.Sealed : 0);
        // Less durable than it once said: it was restored from an older copy, and change maps know nothing of that.
        var less = sameReplica && reply.Durable < _durableKnown;
        Volatile.Write(ref _durableKnown, reply.Durable);
        // The same with an agent that has forgotten what it once said, or a copy of a history that was given up.
        var fits = await BasisFitsAsync(reply, ct);
        if (less || !fits)
            foreach (var slot in _slots) slot.Compare = true;
        _seeded = reply.Seeded;
        if (_stream is { IsGivenUp: false } stream && sameReplica && FollowsOn(stream, reply))
        {
            var waiting = stream.OutboxBytes;
            if (stream.TryReplayFrom(reply.Durable))
            {
                var syncing = _moments is null ? stream.InBatch || _batchEnd is not null : !_momentInStream;
                if (!syncing && waiting > 0) _sync = NewReplay(waiting, ReasonCode.LinkDown);
                NoteRung();
                SetState(syncing ? SyncPhase(stream) : GroupSourcePhase.Streaming,
                    syncing ? SyncReason(stream) : ReasonCode.None, null);
                return stream;
            }
        }
        Leave(ReasonCode.Resync, null);
        _replica = reply.Replica;
        var begun = BeginStream(reply, await LeftAsync(reply, ct));
        if (fits) await BeginInBasisAsync(begun, reply.Durable, ct);
        return begun;
    }

    // The receiver is inside our stream, or still where our stream began.
    private bool FollowsOn(CaptureStream stream, HelloReply reply) =>
        !(stream.IsLeft && reply.Durable >= stream.LastSequence)
        && (_flaws.FollowAnyStream || reply.StreamId == stream.StreamId
            || (reply.StreamId == _baseStream && reply.Durable == stream.BaseSequence));

    private CaptureStream BeginStream(HelloReply reply, CaptureStream? left)
    {
        if (_stream is { } old)
        {
            BehindSince ??= _time.GetUtcNow() - old.Lag;
            Volatile.Write(ref _capturedBefore, _capturedBefore + old.CapturedBytes);
        }
        BehindSince ??= _time.GetUtcNow();
        _points.DropAbove(left?.LastSequence ?? reply.Durable);
        _baseStream = reply.StreamId;
        _batchEnd = null;
        _momentInStream = false;
        var id = _chance.NextGuid();
        var stream = left
            ?? new CaptureStream(StreamOptions(id, reply), _time, _flaws, EndsOf(id, reply));
        foreach (var slot in _slots) slot.BeginStream();
        _statesSizes = reply.Sizes is not null;
        _sync = left is null ? NewSync(SyncKind.None) : NewReplay(left.OutboxBytes, ReasonCode.Resync);
        _stream = stream;
        _toSpill.Set();
        _toRead.Set();
        NoteRung();
        Watch(WatchGivenUpAsync(stream));
        SetState(SyncPhase(stream), SyncReason(stream), null);
        LogStreamBegan(_options.Group, stream.StreamId, reply.Durable + 1, reply.Replica);
        return stream;
    }

    private CaptureStreamOptions StreamOptions(Guid id, HelloReply reply) => new()
    {
        Epoch = _options.Epoch,
        StreamId = id,
        FirstSequence = reply.Durable + 1,
        MayShrink = reply.Sealed == 0,
        Volumes =
        [
            .. _slots.Select(s => new StreamVolume(s.Disk.Index, s.SizeBytes,
                reply.Sizes?.FirstOrDefault(v => v.Index == s.Disk.Index).SizeBytes)),
        ],
        OutboxBytes = _options.Policy.OutboxBytes,
        SpillAboveBytes = _log is null ? null : _options.LogAboveBytes ?? _options.Policy.OutboxBytes / 2,
    };

    private async Task<SessionEnd> HearAsync(
        CaptureStream stream, LinkPump pump, DigestLine digests, CancellationToken ct)
    {
        _resend = null; // whoever still lacks something asks again
        while (await pump.ReceiveAsync(ct) is { } message)
        {
            switch (message.Kind)
            {
                case MessageKind.Ack:
                    Heard(stream, Ack.Decode(message.Payload.Span));
                    break;
                case MessageKind.DigestReply:
                    digests.Answer(DigestReply.Decode(message.Payload));
                    break;
                case MessageKind.Resend:
                    HearResend(stream, Resend.Decode(message.Payload.Span));
                    break;
                case MessageKind.Refused:
                    var refused = Refused.Decode(message.Payload.Span);
                    return new SessionEnd(refused.Reason, refused.Detail, Refused: true);
                case MessageKind.Bye:
                    var bye = Bye.Decode(message.Payload.Span);
                    return new SessionEnd(ReasonCode.LinkDown, $"the peer left: {bye.Reason}");
                default:
                    throw MessageCodec.Fault($"{message.Kind}, which a receiver never sends");
            }
        }
        return new SessionEnd(ReasonCode.LinkDown, "the peer closed the connection");
    }

    private void Heard(CaptureStream stream, Ack ack)
    {
        if (ack.StreamId != stream.StreamId) return; // said of a stream that is no more
        if (!stream.MarkDurable(ack.Durable)) throw MessageCodec.Fault($"an ack of {ack.Durable}, which was not sent");
        if (ack.Durable > _durableKnown) Volatile.Write(ref _durableKnown, ack.Durable);
        _points.SealUpTo(ack.Sealed);
    }

    private GroupSourcePhase SyncPhase(CaptureStream stream) =>
        stream.BaseSequence == 0 ? GroupSourcePhase.InitialSync : GroupSourcePhase.Resyncing;

    private ReasonCode SyncReason(CaptureStream stream) => stream.BaseSequence == 0 ? ReasonCode.InitialSync
        : _arriving ? ReasonCode.Migrated
        : ReasonCode.Resync;

    [LoggerMessage(ReplicationEvents.SessionBegan, LogLevel.Information,
        "Source of {Group} connected; the recovery site has {Durable}, stream {StreamId}")]
    private partial void LogSessionBegan(string group, long durable, Guid streamId);

    [LoggerMessage(ReplicationEvents.SessionEnded, LogLevel.Warning, "Session of {Group} ended: {Reason} {Detail}")]
    private partial void LogSessionEnded(string group, ReasonCode reason, string detail);

    [LoggerMessage(ReplicationEvents.StreamBegan, LogLevel.Information,
        "Source of {Group} began stream {StreamId} at {First} for replica {Replica}")]
    private partial void LogStreamBegan(string group, Guid streamId, long first, Guid replica);
}
