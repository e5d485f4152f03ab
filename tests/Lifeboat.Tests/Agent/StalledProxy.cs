// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;

namespace Lifeboat.Tests.Agent;

/// <summary>
/// Stands between two ends of TCP connections and, once told, reads and passes on nothing more while it keeps both
/// open: half-open, as after a middlebox forgot them.
/// </summary>
internal sealed class StalledProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly IPEndPoint _target;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _running = [];
    private readonly Task _accepting;
    private volatile bool _stalled;

    public StalledProxy(IPEndPoint target)
    {
        _target = target;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Address => _listener.LocalEndpoint.ToString()!;

    public void Stall() => _stalled = true;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting.ContinueWith(_ => { }, TaskScheduler.Default);
        await Task.WhenAll(_running);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true) _running.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var near = client;
        using var far = new TcpClient();
        await far.ConnectAsync(_target);
        await Task.WhenAll(PassAsync(near, far), PassAsync(far, near));
    }

    private async Task PassAsync(TcpClient from, TcpClient to)
    {
        var buffer = new byte[16 << 10];
        try
        {
            while (await from.GetStream().ReadAsync(buffer, _stop.Token) is > 0 and var read)
            {
                if (_stalled) await Task.Delay(Timeout.Infinite, _stop.Token);
                await to.GetStream().WriteAsync(buffer.AsMemory(0, read), _stop.Token);
            }
            to.Client.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException
            or ObjectDisposedException or InvalidOperationException)
        {
            // One of the ends, or the test, is done.
        }
    }
}
