// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Lifeboat.Contracts.Sites;
using Lifeboat.Replication.Linking;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Linking;

// Takes in the agents of paired sites. Whoever is not one of them is closed in the handshake, at a bounded cost.
internal sealed partial class LinkListener : IAsyncDisposable
{
    private const int ConnectionsMax = 1024;
    private static readonly TimeSpan HandshakeLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan CalmDown = TimeSpan.FromMilliseconds(50);

    private readonly Socket _socket;
    private readonly LinkIdentity _identity;
    private readonly Func<ILinkConnection, CancellationToken, Task> _serve;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private readonly HashSet<Task> _serving = [];
    private readonly Task _accepting;

    private LinkListener(Socket socket, SitePaths paths, Func<ILinkConnection, CancellationToken, Task> serve,
        TimeProvider time, ILogger<LinkListener> logger)
    {
        _socket = socket;
        _identity = new LinkIdentity(paths, time);
        _serve = serve;
        _time = time;
        _logger = logger;
        _accepting = AcceptAsync(_stop.Token);
    }

    public IPEndPoint Address => (IPEndPoint)_socket.LocalEndPoint!;

    /// <param name="serve">Runs one connection to its end. It is cancelled when the listener stops.</param>
    /// <exception cref="LinkException">The address cannot be listened on.</exception>
    public static LinkListener Listen(IPEndPoint address, SitePaths paths,
        Func<ILinkConnection, CancellationToken, Task> serve, TimeProvider time, ILogger<LinkListener> logger)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            socket.Bind(address);
            socket.Listen(64);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new LinkException(LinkFault.Unreachable, $"cannot listen on {address}: {e.Message}", e);
        }
        return new LinkListener(socket, paths, serve, time, logger);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _socket.Dispose();
        Task[] serving;
        lock (_lock) serving = [.. _serving];
        await Task.WhenAll(serving);
        _stop.Dispose();
    }

    private async Task AcceptAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            try
            {
                Take(await _socket.AcceptAsync(ct), ct);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException e)
            {
                LogAcceptFailed(e.Message);
                await Task.Delay(CalmDown, _time, CancellationToken.None);
            }
        }
    }

    private void Take(Socket socket, CancellationToken ct)
    {
        lock (_lock)
        {
            if (_serving.Count >= ConnectionsMax)
            {
                socket.Dispose();
                LogTooMany(ConnectionsMax);
                return;
            }
            var serving = ServeAsync(socket, ct);
            _serving.Add(serving);
            _ = serving.ContinueWith(done =>
            {
                lock (_lock) _serving.Remove(done);
            }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    private async Task ServeAsync(Socket socket, CancellationToken ct)
    {
        await Task.Yield();
        var from = socket.RemoteEndPoint;
        try
        {
            LinkSocket.Tune(socket);
            if (await GreetAsync(socket, ct) is not { } connection) return;
            await using (connection) await _serve(connection, ct);
        }
        catch (Exception e) when (e is LinkException or SocketException or IOException or ObjectDisposedException)
        {
            LogEnded(from, e.Message);
        }
        catch (OperationCanceledException)
        {
            // We stop.
        }
        finally
        {
            socket.Dispose();
        }
    }

    private async Task<TlsConnection?> GreetAsync(Socket socket, CancellationToken ct)
    {
        // Cancelled when the listener stops (ct) or by the limit; both end this connection only.
        using var late = new CancellationTokenSource(HandshakeLimit, _time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, late.Token);
        var verdict = new LinkVerdict();
        var wire = new LinkStream(socket);
        var stream = new SslStream(wire);
        try
        {
            await stream.AuthenticateAsServerAsync(_identity.ServerOptions(verdict), any.Token);
            var version = LinkIdentity.VersionOf(stream);
            var connection = new TlsConnection(stream, wire, socket, verdict.Site!, version);
            await connection.SendAsync(LinkIdentity.Protocol(version).Protocol, any.Token);
            return connection;
        }
        catch (Exception e) when (e is AuthenticationException or IOException or OperationCanceledException)
        {
            LogRefused(socket.RemoteEndPoint, verdict.Refusal ?? e.Message);
            await stream.DisposeAsync();
            return null;
        }
    }

    [LoggerMessage(EventIds.LinkRefused, LogLevel.Warning, "Refused a link from {From}: {Reason}")]
    private partial void LogRefused(EndPoint? from, string reason);

    [LoggerMessage(EventIds.LinkEnded, LogLevel.Information, "The link from {From} ended: {Reason}")]
    private partial void LogEnded(EndPoint? from, string reason);

    [LoggerMessage(EventIds.LinkAcceptFailed, LogLevel.Warning, "Accepting a link failed: {Reason}")]
    private partial void LogAcceptFailed(string reason);

    [LoggerMessage(EventIds.LinkTooMany, LogLevel.Warning, "Closed a link at once: {Max} are open already")]
    private partial void LogTooMany(int max);
}
