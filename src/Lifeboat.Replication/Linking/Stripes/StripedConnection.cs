// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Linking.Stripes;

// One ordered connection over several: whatever is sent is numbered and goes over the path that next has room, so that
// each carries what it can; the receiver puts it in order again. A path that fails, or is silent for some seconds,
// gives what was under way on it to the others. The connection lives while one path does.
//
// Invariants
//   What is handed out is what was sent, in its order, each once.
//   Parts under way are kept until the other side has all up to them; parts that came in and were not used yet, and so
//   all memory here, are bounded by the window.
/// <summary>Several connections as one. Both ends are the same.</summary>
internal sealed partial class StripedConnection : ILinkConnection
{
    public const long WindowBytes = 16 << 20;
    private const int AckEveryBytes = 512 << 10;
    private readonly LinkTimings _timings;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly List<StripePath> _paths = [];
    private readonly List<Task> _running = [];
    private readonly Queue<(long Number, byte[] Part)> _fresh = new();
    private readonly PriorityQueue<byte[], long> _again = new();
    private readonly Queue<(long Number, int Bytes)> _untaken = new(); // sent, and not used over there
    private readonly Dictionary<long, byte[]> _early = [];
    private readonly Queue<byte[]> _inbox = new();
    private readonly Signal _room = new(), _readable = new(), _idle = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationToken _stopping;
    private long _lastSent, _untakenBytes, _received, _heldBytes, _taken, _takenBytes, _retiredBytes;
    private LinkException? _broken;
    private bool _closed, _disposed;

    public StripedConnection(string peerSite, int version, LinkTimings timings, TimeProvider time)
    {
        (PeerSite, Version, _timings, _time) = (peerSite, version, timings, time);
        _stopping = _stop.Token;
    }

    public string PeerSite { get; }
    public int Version { get; }

    public long ReceivedBytes
    {
        get { lock (_gate) return _retiredBytes + _paths.Sum(p => p.Connection.ReceivedBytes); }
    }

    /// <summary>Adds a path, which the striped connection owns from here on.</summary>
    /// <param name="ended">Completes when the path has ended.</param>
    /// <returns>False: all is over, and the path is still the caller's.</returns>
    public bool TryAdd(ILinkConnection connection, PathMeter meter, out Task ended)
    {
        var path = new StripePath(connection, meter) { AckDue = true };
        ended = path.Ended.Task;
        lock (_gate)
        {
            if (_disposed || _broken is not null || _closed) return false;
            _paths.Add(path);
        }
        Keep(_ => RunAsync(path));
        return true;
    }

    /// <summary>Keeps something going for the connection's life; it ends when cancelled.</summary>
    public void Keep(Func<CancellationToken, Task> work)
    {
        var running = work(_stopping);
        lock (_gate)
        {
            _running.RemoveAll(t => t.IsCompleted);
            _running.Add(running);
        }
    }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken ct)
    {
        if (message.Length > StripePart.MessageMax)
            throw new LinkException(LinkFault.Protocol, $"a message of {message.Length} bytes is too long to send");
        while (!TryEnqueue(message)) await _room.WaitAsync(ct);
    }

    public async ValueTask<ReadOnlyMemory<byte>?> ReceiveAsync(CancellationToken ct)
    {
        while (true)
        {
            lock (_gate)
            {
                if (_inbox.TryDequeue(out var message))
                {
                    _taken++;
                    _heldBytes -= message.Length;
                    _takenBytes += message.Length;
                    if (_takenBytes >= AckEveryBytes) AckSoon();
                    return message;
                }
                if (_closed) return null;
                if (_broken is { } broken) throw Again(broken);
            }
            await _readable.WaitAsync(ct);
        }
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
        }
        // Last words are given a moment to leave, as on a connection of one.
        while (HasLastWords() && await _idle.WaitAsync(_timings.PingInterval, _time, default))
        {
            // An earlier time that it was idle counts for nothing: look again.
        }
        Task[] running;
        lock (_gate) running = [.. _running];
        _stop.Cancel(); // not CancelAsync: that runs callbacks on the thread pool
        foreach (var task in running) await Waiting.EndAsync(task);
        _stop.Dispose();
    }

    private bool TryEnqueue(ReadOnlyMemory<byte> message)
    {
        lock (_gate)
        {
            if (_broken is { } broken) throw Again(broken);
            if (_closed || _disposed) throw new LinkException(LinkFault.Broken, $"the link with {PeerSite} has ended");
            // A message or two a path wait: what is more urgent must not stand behind much.
            if (_fresh.Count >= 2 * _paths.Count || _untakenBytes >= WindowBytes) return false;
            var number = ++_lastSent;
            _fresh.Enqueue((number, StripePart.Encode(number, message.Span)));
            _untaken.Enqueue((number, message.Length));
            _untakenBytes += message.Length;
            foreach (var path in _paths) path.Wake.Set();
            return true;
        }
    }

    private bool HasLastWords()
    {
        lock (_gate) return _broken is null && !_closed && !IsIdle;
    }

    private bool IsIdle => _fresh.Count == 0 && _again.Count == 0 && !_paths.Exists(p => p.Sending);

    private void AckSoon()
    {
        _takenBytes = 0;
        foreach (var path in _paths)
        {
            path.AckDue = true;
            path.Wake.Set();
        }
    }

    private static LinkException Again(LinkException e) => new(e.Fault, e.Message, e);
}
