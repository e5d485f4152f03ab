// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Linking;

namespace Lifeboat.Testing.Simulation;

/// <summary>One connection: two ends, and a lane of messages under way to each of them.</summary>
public sealed class SimulatedConnection
{
    private const int WindowBytes = 256 << 10;
    private readonly SimulatedNetwork _network;

    internal SimulatedConnection(SimulatedNetwork network, (SimulatedProcess Process, string Site) client,
        (SimulatedProcess Process, string Site) server)
    {
        _network = network;
        Client = new End(this, client.Process, server.Site);
        Server = new End(this, server.Process, client.Site);
        (Client.Peer, Server.Peer) = (Server, Client);
        client.Process.OnExit(Client.ProcessGone);
        server.Process.OnExit(Server.ProcessGone);
    }

    internal End Client { get; }
    internal End Server { get; }
    /// <summary>What is said over it; of a path of a striped one what is said over all of them.</summary>
    internal WireSession Session { get; set; } = new();

    /// <summary>A partition has begun: some connections are given up by the hosts in the middle of it.</summary>
    internal void Strand(Prng prng)
    {
        foreach (var end in new[] { Client, Server })
            if (prng.Chance(0.4)) end.NoticeAfter(TimeSpan.FromMilliseconds(prng.Next(15_000)));
    }

    /// <summary>A middlebox forgot it: one way or both nothing gets through any more, and nobody hears of it.</summary>
    internal void GoSilent(Prng prng)
    {
        var ways = prng.Next(1, 4);
        if ((ways & 1) != 0) Client.GoSilent();
        if ((ways & 2) != 0) Server.GoSilent();
    }

    internal void Break(Prng prng)
    {
        foreach (var end in new[] { Client, Server })
        {
            end.Lose(prng.Next(8));
            // One side in four is never told: only keepalive finds out.
            if (!prng.Chance(0.25)) end.NoticeAfter(TimeSpan.FromMilliseconds(prng.Next(60)));
        }
    }

    private void Closed()
    {
        if (Client.IsClosed && Server.IsClosed) _network.Forget(this);
    }

    internal sealed class End(SimulatedConnection connection, SimulatedProcess process, string peerSite)
        : ITwoPartConnection
    {
        private readonly SimulatedNetwork _network = connection._network;
        private readonly Queue<(long Arrives, byte[]? Message)> _underWay = new();
        private readonly Queue<byte[]?> _inbox = new();
        private TaskCompletionSource? _reader, _writer;
        private int _windowUsed;
        private long _laneFree, _lastArrival;
        private int _loseAfter = -1;
        private bool _silent, _armed, _broken, _disposed, _receiving, _sending;

        public End Peer { get; set; } = null!;
        public SimulatedProcess Process => process;
        public string PeerSite => peerSite;
        public long ReceivedBytes { get; private set; }
        public int Version { get; } = connection._network.Version;
        /// <summary>Told of every message that this end sends.</summary>
        public Action<byte[]> Said { get; set; } = static _ => { };
        public bool IsClosed => _disposed || _broken;

        public async ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken ct)
        {
            _network.Scheduler.AssertInside();
            if (message.Length > ILinkConnection.MessageMax)
                throw new LinkException(LinkFault.Protocol, $"a message of {message.Length} bytes");
            if (_sending) throw new SimulationException("two writers on one connection");
            _sending = true;
            var copy = message.ToArray();
            try
            {
                while (!_broken && Peer._windowUsed > WindowBytes)
                    await (_writer ??= new TaskCompletionSource()).Task.WaitAsync(ct);
            }
            finally
            {
                _sending = false;
            }
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_broken) throw new LinkException(LinkFault.Broken, "connection reset");
            Peer.Launch(copy);
            _network.Sent(process, connection, copy);
            Said(copy);
        }

        public ValueTask SendAsync(ReadOnlyMemory<byte> head, ReadOnlyMemory<byte> body, CancellationToken ct) =>
            SendAsync((byte[])[.. head.Span, .. body.Span], ct);

        public async ValueTask<MessageParts?> ReceiveAsync(PlaceBody place, CancellationToken ct)
        {
            if (await ReceiveAsync(ct) is not { } message) return null;
            var rest = message.Length - MessageParts.HeadLength;
            if (rest <= 0 || place(message.Span[..MessageParts.HeadLength], rest) is not { IsEmpty: false } body)
                return new MessageParts(message, default);
            message[MessageParts.HeadLength..].CopyTo(body);
            return new MessageParts(message[..MessageParts.HeadLength], body);
        }

        public async ValueTask<ReadOnlyMemory<byte>?> ReceiveAsync(CancellationToken ct)
        {
            _network.Scheduler.AssertInside();
            if (_receiving) throw new SimulationException("two readers on one connection");
            _receiving = true;
            try
            {
                while (_inbox.Count == 0 && !_broken)
                    await (_reader ??= new TaskCompletionSource()).Task.WaitAsync(ct);
            }
            finally
            {
                _receiving = false;
            }
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_inbox.Count == 0) throw new LinkException(LinkFault.Broken, "connection reset");
            if (_inbox.Peek() is null) return null;
            var message = _inbox.Dequeue()!;
            _windowUsed -= message.Length;
            Peer.Wake(ref Peer._writer);
            return message;
        }

        public ValueTask DisposeAsync()
        {
            if (_disposed) return ValueTask.CompletedTask;
            _disposed = true;
            if (!_broken) Peer.Launch(null);
            _broken = true;
            Changed();
            connection.Closed();
            return ValueTask.CompletedTask;
        }

        /// <summary>The kernel of a dead process closes; the peer hears a reset, or nothing if the host went
        /// too.</summary>
        public void ProcessGone()
        {
            if (_disposed) return;
            _disposed = _broken = true;
            if (_network.Prng.Chance(0.5)) Peer.Lose(_network.Prng.Next(4));
            if (!_network.Prng.Chance(0.1)) Peer.NoticeAfter(TimeSpan.FromTicks(_network.Travel()));
            connection.Closed();
        }

        /// <summary>Only so many of the messages under way still arrive.</summary>
        public void Lose(int after) => _loseAfter = Math.Min(after, _underWay.Count);

        public void NoticeAfter(TimeSpan delay)
        {
            if (_broken) return;
            _ = new SimulatedTimer(_network.Wires, _ => Notice(), null, delay, Timeout.InfiniteTimeSpan);
        }

        public void Continue()
        {
            _armed = false;
            Arm(_network.Scheduler.Now + _network.Travel());
        }

        private void Notice()
        {
            if (_broken) return;
            _broken = true;
            Changed();
            connection.Closed();
        }

        /// <summary>From now on nothing comes in any more, and nobody is told.</summary>
        public void GoSilent() => _silent = true;

        private void Launch(byte[]? message)
        {
            if (_silent)
            {
                // It stays in the sender's buffers, which fill.
                _windowUsed += message?.Length ?? 0;
                return;
            }
            var size = message?.Length ?? 0;
            var now = _network.Scheduler.Now;
            _network.Messages++;
            _windowUsed += size;
            _laneFree = Math.Max(_laneFree, now) + size * TimeSpan.TicksPerSecond / _network.BytesPerSecond;
            _lastArrival = Math.Max(_lastArrival + 1, _laneFree + _network.Travel());
            _underWay.Enqueue((_lastArrival, message));
            if (!_armed) Arm(_lastArrival);
        }

        private void Arm(long due)
        {
            if (_armed || _underWay.Count == 0) return;
            _armed = true;
            var wait = TimeSpan.FromTicks(Math.Max(0, due - _network.Scheduler.Now));
            _ = new SimulatedTimer(process, static e => ((End)e!).Arrive(), this, wait, Timeout.InfiniteTimeSpan);
        }

        private void Arrive()
        {
            if (_network.IsCut(PeerSite))
            {
                _network.Stall(this);
                return;
            }
            _armed = false;
            var (_, message) = _underWay.Dequeue();
            if (_loseAfter == 0)
            {
                _windowUsed -= message?.Length ?? 0;
            }
            else
            {
                if (_loseAfter > 0) _loseAfter--;
                if (!IsClosed)
                {
                    ReceivedBytes += message?.Length ?? 0;
                    _inbox.Enqueue(message);
                    Wake(ref _reader);
                }
            }
            if (_underWay.TryPeek(out var next)) Arm(next.Arrives);
        }

        private void Changed()
        {
            Wake(ref _reader);
            Wake(ref _writer);
        }

        private void Wake(ref TaskCompletionSource? waiting)
        {
            if (waiting is not { } woken || !process.Alive) return;
            waiting = null;
            woken.TrySetResult();
        }
    }
}
