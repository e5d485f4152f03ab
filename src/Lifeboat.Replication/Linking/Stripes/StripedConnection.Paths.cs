// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Linking.Stripes;

// The life of one path: what it takes, what it brings, and how its silence is noticed.
internal sealed partial class StripedConnection
{
    private async Task RunAsync(StripePath path)
    {
        var why = "closed by the peer";
        LinkException? failure = null;
        path.Meter.Up();
        try
        {
            await Together.RunAsync(_stopping,
                t => Together.ForeverAsync<bool>(s => SendAllAsync(path, s), t),
                t => Together.ForeverAsync<bool>(s => WatchAsync(path, s), t),
                t => ReceiveAllAsync(path, t));
        }
        catch (LinkException e)
        {
            (failure, why) = (e, e.Message);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            why = "the session is over";
        }
        finally
        {
            path.Meter.Down(why);
            End(path, failure);
            await path.Connection.DisposeAsync();
            path.Ended.TrySetResult();
        }
    }

    private async Task SendAllAsync(StripePath path, CancellationToken ct)
    {
        while (true)
        {
            if (Next(path) is { } message)
            {
                await path.Connection.SendAsync(message, ct);
                path.Meter.Sent(message.Length);
            }
            else await path.Wake.WaitAsync(ct);
        }
    }

    private byte[]? Next(StripePath path)
    {
        lock (_gate)
        {
            var message = Choose(path);
            path.Sending = message is not null;
            if (message is null && IsIdle) _idle.Set();
            return message;
        }
    }

    // Under the lock. What keeps the path alive goes first.
    private byte[]? Choose(StripePath path)
    {
        if (path.PongDue is { } value)
        {
            path.PongDue = null;
            return new Ping(value).Encode(MessageKind.Pong);
        }
        if (path.AckDue)
        {
            path.AckDue = false;
            return new StripeAck(_received, _taken).Encode();
        }
        if (path.PingDue)
        {
            path.PingDue = false;
            return new Ping(1).Encode(MessageKind.Ping);
        }
        if (_again.TryDequeue(out var part, out var number)) path.UnderWay.Enqueue((number, part));
        else if (_fresh.TryDequeue(out var fresh))
        {
            path.UnderWay.Enqueue(fresh);
            part = fresh.Part;
            _room.Set();
        }
        return part;
    }

    /// <returns>True: the peer closed it in an orderly way.</returns>
    private async Task<bool> ReceiveAllAsync(StripePath path, CancellationToken ct)
    {
        while (await path.Connection.ReceiveAsync(ct) is { } message)
        {
            switch (MessageCodec.Open(message, out var payload))
            {
                case MessageKind.StripePart:
                    var (number, part) = StripePart.Decode(payload);
                    Take(number, part);
                    break;
                case MessageKind.StripeAck:
                    Hear(StripeAck.Decode(payload.Span));
                    break;
                case MessageKind.Ping:
                    lock (_gate) path.PongDue = Ping.Decode(payload.Span).Value;
                    path.Wake.Set();
                    break;
                case MessageKind.Pong:
                    Ping.Decode(payload.Span);
                    break;
                case var kind:
                    throw MessageCodec.Fault($"{kind} on a path of stripes");
            }
        }
        return true;
    }

    private void Take(long number, ReadOnlyMemory<byte> part)
    {
        lock (_gate)
        {
            if (number <= _received || _early.ContainsKey(number)) return; // it came over another path too
            _heldBytes += part.Length;
            if (_heldBytes > WindowBytes + ILinkConnection.MessageMax)
                throw MessageCodec.Fault($"more than {WindowBytes} bytes that were not asked for");
            _early.Add(number, part.ToArray());
            while (_early.Remove(_received + 1, out var next))
            {
                _received++;
                _inbox.Enqueue(next);
            }
            _readable.Set();
        }
    }

    private void Hear(StripeAck ack)
    {
        lock (_gate)
        {
            if (ack.Received > _lastSent)
                throw MessageCodec.Fault($"an ack of part {ack.Received}, which was not sent");
            foreach (var path in _paths)
                while (path.UnderWay.TryPeek(out var oldest) && oldest.Number <= ack.Received) path.UnderWay.Dequeue();
            while (_untaken.TryPeek(out var used) && used.Number <= ack.Taken)
                _untakenBytes -= _untaken.Dequeue().Bytes;
            _room.Set();
        }
    }

    // A path that carries nothing is asked now and then; what came in is told with it, so that little is sent twice.
    // What we ourselves were late by is not the path's silence: a host that stood still would give all of them up.
    private async Task WatchAsync(StripePath path, CancellationToken ct)
    {
        var interval = _timings.PathPingInterval;
        var (bytes, looked, silence) = (path.Connection.ReceivedBytes, _time.GetTimestamp(), TimeSpan.Zero);
        while (true)
        {
            await Task.Delay(interval, _time, ct);
            var (now, passed) = (path.Connection.ReceivedBytes, _time.GetElapsedTime(looked));
            looked = _time.GetTimestamp();
            silence = now != bytes ? TimeSpan.Zero : silence + (passed < 2 * interval ? passed : 2 * interval);
            bytes = now;
            if (silence >= _timings.PathDeadAfter)
                throw new LinkException(LinkFault.Broken, $"nothing heard for {silence.TotalSeconds:F1} s");
            lock (_gate) path.PingDue = path.AckDue = true;
            path.Wake.Set();
        }
    }

    private void End(StripePath path, LinkException? failure)
    {
        lock (_gate)
        {
            _paths.Remove(path);
            _retiredBytes += path.Connection.ReceivedBytes;
            var moved = 0L;
            while (path.UnderWay.TryDequeue(out var part))
            {
                _again.Enqueue(part.Part, part.Number);
                moved += part.Part.Length;
            }
            path.Meter.Moved(moved);
            if (_paths.Count == 0 && !_disposed)
            {
                // Parts that were lost will not come any more: what is in order can still be used.
                if (failure is null && _early.Count == 0) _closed = true;
                else _broken = failure ?? new LinkException(LinkFault.Broken, $"{PeerSite} closed in the middle");
            }
            foreach (var other in _paths) other.Wake.Set();
        }
        _room.Set();
        _readable.Set();
    }
}
