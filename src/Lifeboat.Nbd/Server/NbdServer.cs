// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;

namespace Lifeboat.Nbd;

/// <summary>
/// Serves exports on one unix or TCP socket, with one blocking thread per connection: with many requests per receive
/// and one send for their answers, that costs less than half the CPU of asynchronous sockets.
/// </summary>
public sealed class NbdServer : IAsyncDisposable
{
    private static readonly TimeSpan CalmDown = TimeSpan.FromMilliseconds(50);

    private readonly Socket _listener;
    private readonly NbdExports _exports;
    private readonly NbdServerOptions _options;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<long, NbdConnection> _connections = [];
    private readonly Task _accepting;
    private long _lastId;
    private bool _disposed;

    private NbdServer(Socket listener, NbdExports exports, NbdServerOptions options)
    {
        (_listener, _exports, _options) = (listener, exports, options);
        _accepting = AcceptAsync(_stopping.Token);
    }

    public EndPoint LocalEndPoint => _listener.LocalEndPoint!;

    public IReadOnlyList<NbdConnection> Connections
    {
        get
        {
            lock (_gate)
                return [.. _connections.Values];
        }
    }

    /// <summary>Listens at once. A unix socket file left behind by a dead process is replaced.</summary>
    public static NbdServer Listen(EndPoint endPoint, NbdExports exports, NbdServerOptions options)
    {
        var problems = options.Problems().ToList();
        if (problems.Count > 0)
            throw new ArgumentException(string.Join("; ", problems), nameof(options));
        return new NbdServer(Listener.Open(endPoint, options), exports, options);
    }

    /// <summary>Serves a connection that did not come by the listener, as if it had.</summary>
    /// <param name="socket">Connected; the server's from here on.</param>
    public void Serve(Socket socket) => Start(socket);

    /// <summary>
    /// When the oldest request that has been received and not answered arrived, over the connections of one export:
    /// a Stopwatch timestamp, or 0 when every request is answered.
    /// </summary>
    public long OldestUnansweredSince(string exportName)
    {
        long oldest = 0;
        lock (_gate)
        {
            foreach (var connection in _connections.Values)
            {
                var since = connection.OldestUnansweredSince;
                if (since != 0 && connection.ExportName == exportName && (oldest == 0 || since < oldest))
                    oldest = since;
            }
        }
        return oldest;
    }

    /// <summary>
    /// Cuts every connection of the export before it returns, whatever their threads wait for: the peers see the
    /// end at once. The task ends when the threads have left the export. Remove the export first to keep new ones out.
    /// </summary>
    public Task CloseConnectionsAsync(string exportName, CancellationToken ct)
    {
        List<NbdConnection> found;
        lock (_gate)
            found = [.. _connections.Values.Where(c => c.ExportName == exportName)];
        foreach (var connection in found)
            connection.Close();
        return Task.WhenAll(found.Select(c => c.Ended)).WaitAsync(ct);
    }

    /// <summary>Stops listening, cuts the connections, waits for their threads and removes the unix socket.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            _disposed = true;
        }
        var endPoint = _listener.LocalEndPoint;
        await _stopping.CancelAsync();
        await _accepting;
        _listener.Dispose();
        Listener.Remove(endPoint);
        var open = Connections;
        foreach (var connection in open)
            connection.Close();
        await Task.WhenAll(open.Select(c => c.Ended));
        _stopping.Dispose();
    }

    // Look-up and attachment are one step under the gate, so that Remove followed by CloseConnectionsAsync leaves
    // nobody on the export.
    internal INbdExport? Attach(NbdConnection connection, string exportName)
    {
        INbdExport? export;
        List<NbdConnection> former = [];
        lock (_gate)
        {
            export = _exports.Find(exportName);
            if (export is not null && _options.OneClientPerExport)
                former = [.. _connections.Values.Where(c => c != connection && c.ExportName == exportName)];
            // By when they came, so that no two wait for each other.
            if (former.Any(c => c.Id > connection.Id))
                throw new NbdException(NbdFault.Closed, "a newer client has the export");
            connection.ExportName = export is null ? null : exportName;
        }
        foreach (var other in former)
            other.Close();
        foreach (var other in former)
            other.WaitForEnd();
        return export;
    }

    internal INbdExport? Find(string exportName) => _exports.Find(exportName);

    internal IReadOnlyList<NbdExportInfo> List() => _exports.List();

    internal void Forget(NbdConnection connection)
    {
        lock (_gate)
            _connections.Remove(connection.Id);
    }

    private async Task AcceptAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            try
            {
                Start(await _listener.AcceptAsync(ct));
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception e)   // the top of the loop: out of descriptors, threads or memory must not end the server
            {
                Report(new NbdConnectionClosed(0, null, NbdFault.ConnectionLost, $"accept failed: {e.Message}", e));
                await Task.WhenAny(Task.Delay(CalmDown, _options.Time, ct));
            }
        }
    }

    private void Start(Socket socket)
    {
        NbdConnection connection;
        lock (_gate)
        {
            if (_disposed)
            {
                socket.Dispose();
                return;
            }
            if (_connections.Count >= _options.ConnectionsMax)
            {
                socket.Dispose();
                Report(new NbdConnectionClosed(0, null, NbdFault.TooManyConnections,
                    $"more than {_options.ConnectionsMax} connections", null));
                return;
            }
            connection = new NbdConnection(++_lastId, this, socket, _options);
            _connections.Add(connection.Id, connection);
        }
        try
        {
            connection.Start();
        }
        catch
        {
            Forget(connection);
            socket.Dispose();
            throw;
        }
    }

    private void Report(NbdConnectionClosed closed) => _options.OnClosed?.Invoke(closed);
}
