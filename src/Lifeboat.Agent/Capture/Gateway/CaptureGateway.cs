// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Net.Sockets;
using Lifeboat.Nbd;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture.Gateway;

// The NBD server that QEMU's mirror jobs write to, one export per attachment. An export name is used once: a mirror of
// an earlier attachment that tries to come back finds nothing and ends, instead of feeding writes into a stream that
// does not know about the gap in between.
internal sealed class CaptureGateway : IAsyncDisposable
{
    // Eight of the longest writes that guests commonly make: a guest's disk hardly has more under way at once.
    private const int UnderWayBytes = 2 << 20;

    private readonly NbdExports _exports = new();
    private readonly ConcurrentDictionary<string, CaptureConnection> _open = [];
    private readonly NbdServer _server;
    private readonly TimeProvider _time;
    private readonly HoldMeter? _holds;

    private CaptureGateway(string socketPath, TimeProvider time, HoldMeter? holds)
    {
        SocketPath = socketPath;
        _holds = holds;
        _time = time;
        _server = NbdServer.Listen(new UnixDomainSocketEndPoint(socketPath), _exports, NbdServerOptions.Default with
        {
            ConnectionsMax = 1000,
            Time = time,
            OnClosed = closed =>
            {
                if (closed.Export is { } name && _open.TryGetValue(name, out var connection))
                    connection.End(new CaptureEnd(closed.Fault is null, closed.Message));
            },
        });
    }

    public string SocketPath { get; }

    /// <param name="holds">Measures how long writes wait; null: nobody wants to know.</param>
    public static CaptureGateway Listen(string socketPath, TimeProvider time, HoldMeter? holds = null) =>
        new(socketPath, time, holds);

    /// <summary>Opens an export that feeds <paramref name="sink"/>. It ends with its first connection.</summary>
    public CaptureConnection Open(string volume, long sizeBytes, ICaptureSink sink)
    {
        var name = $"{volume}-{Guid.NewGuid():n}";
        var connection = new CaptureConnection(name, sizeBytes, sink, Cut, _holds);
        _open[name] = connection;
        _exports.Add(connection);
        return connection;
    }

    /// <summary>
    /// A connection to this server that begins without its path: it goes where no path can be opened (a confined QEMU),
    /// and has room for several long writes on the way.
    /// </summary>
    /// <returns>The other end, for the caller to pass on and to close.</returns>
    public Socket Connect()
    {
        var pair = SocketPair.Create(UnderWayBytes);
        _server.Serve(pair.Ours);
        return pair.Theirs;
    }

    /// <summary>Age of the oldest request that a guest waits for; zero when none does.</summary>
    public TimeSpan OldestUnanswered()
    {
        long oldest = 0;
        foreach (var name in _open.Keys)
        {
            var since = _server.OldestUnansweredSince(name);
            if (since != 0 && (oldest == 0 || since < oldest)) oldest = since;
        }
        return oldest == 0 ? TimeSpan.Zero : _time.GetElapsedTime(oldest);
    }

    // The sockets are shut down before this returns; that the threads leave later is nobody's concern here.
    private void Cut(CaptureConnection connection)
    {
        _exports.Remove(connection.Info.Name);
        _open.TryRemove(connection.Info.Name, out _);
        _ = _server.CloseConnectionsAsync(connection.Info.Name, CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var connection in _open.Values) connection.LetGo("the agent stops");
        await _server.DisposeAsync();
    }
}
