// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;

namespace Lifeboat.Nbd;

/// <summary>One client of the server, and the thread that serves it.</summary>
public sealed class NbdConnection
{
    private readonly NbdServer _server;
    private readonly NbdServerOptions _options;
    private readonly Socket _socket;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private NbdFault? _cut;
    private volatile bool _isCut;
    private bool _handshaking = true;
    private bool _socketDisposed;
    private string? _exportName;
    private long _unansweredSince;

    internal NbdConnection(long id, NbdServer server, Socket socket, NbdServerOptions options) =>
        (Id, _server, _socket, _options) = (id, server, socket, options);

    public long Id { get; }

    /// <summary>Null until the client has chosen.</summary>
    public string? ExportName
    {
        get => Volatile.Read(ref _exportName);
        internal set => Volatile.Write(ref _exportName, value);
    }

    /// <summary>
    /// Stopwatch timestamp of when the oldest request now being served arrived; 0 when none is. Requests that still
    /// wait in the socket are younger than it.
    /// </summary>
    public long OldestUnansweredSince
    {
        get => Volatile.Read(ref _unansweredSince);
        internal set => Volatile.Write(ref _unansweredSince, value);
    }

    /// <summary>Nothing that is still in the buffer may reach the export.</summary>
    internal bool IsCut => _isCut;

    /// <summary>Completes when the thread is gone.</summary>
    public Task Ended => _ended.Task;

    /// <summary>The client sees the end at once; the thread ends when it leaves the export.</summary>
    public void Close() => Cut(NbdFault.Closed);

    /// <summary>Blocks, on the thread of another connection, until the thread of this one is gone.</summary>
    internal void WaitForEnd() => ((IAsyncResult)_ended.Task).AsyncWaitHandle.WaitOne();

    internal void Start() =>
        new Thread(Run) { IsBackground = true, Name = $"nbd-{Id}" }.Start();

    private void Cut(NbdFault why)
    {
        lock (_gate)
        {
            if (_socketDisposed)
                return;
            _cut ??= why;
            _isCut = true;
            try
            {
                // Wakes the thread out of recv, send and the TLS handshake; the descriptor stays valid until it left.
                _socket.Shutdown(SocketShutdown.Both);
            }
            catch (SocketException)
            {
                // The peer was faster: not connected any more, which is what we want.
            }
        }
    }

    private void Run()
    {
        NbdConnectionClosed closed;
        try
        {
            TcpManners.Apply(_socket);
            // Of this thread's own receives; one that is over ends the connection.
            if (_options.SilenceMax > TimeSpan.Zero)
                _socket.ReceiveTimeout = (int)_options.SilenceMax.TotalMilliseconds;
            Serve();
            closed = Ending(null, "the client disconnected", null);
        }
        catch (NbdException e)
        {
            closed = Ending(e.Fault, e.Message, e.InnerException);
        }
        catch (Exception e)   // an export that throws must not take the process down
        {
            closed = Ending(NbdFault.ExportFailed, $"{e.GetType().Name}: {e.Message}", e);
        }
        lock (_gate)
        {
            _socketDisposed = true;
            _socket.Dispose();
        }
        OldestUnansweredSince = 0;
        _options.OnClosed?.Invoke(closed);
        _server.Forget(this);
        _ended.SetResult();
    }

    private NbdConnectionClosed Ending(NbdFault? fault, string message, Exception? cause)
    {
        lock (_gate)
        {
            // What the thread saw after we cut it is only the echo of the cut.
            if (_cut is { } why && (fault is null or NbdFault.ConnectionLost or NbdFault.TlsFailed))
                (fault, message) = (why, why == NbdFault.TimedOut ? "the handshake took too long" : "closed by us");
        }
        return new NbdConnectionClosed(Id, ExportName, fault, message, cause);
    }

    private void Serve()
    {
        var handshake = new Handshake(new SocketChannel(_socket, _options.Linger), _socket, this, _server, _options);
        try
        {
            var session = Negotiate(handshake);
            if (session is not null)
                new Transmission(handshake.Channel, session, this, _options.PayloadBytesMax).Run();
        }
        finally
        {
            handshake.Channel.Dispose();
        }
    }

    private Session? Negotiate(Handshake handshake)
    {
        using var deadline = _options.Time.CreateTimer(
            _ => CutHandshake(), null, _options.HandshakeTimeout, Timeout.InfiniteTimeSpan);
        var session = handshake.Run();
        lock (_gate)
            _handshaking = false;
        return session;
    }

    private void CutHandshake()
    {
        lock (_gate)
        {
            if (_handshaking)
                Cut(NbdFault.TimedOut);
        }
    }
}
