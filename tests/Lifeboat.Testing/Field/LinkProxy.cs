// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;

namespace Lifeboat.Testing.Field;

/// <summary>
/// A TCP proxy that stands for a bad line: the kernel here cannot shape loopback. Its conditions are changed from
/// within the process and hold at once, for open connections too. It buffers little, so that a slow line is felt by
/// the sender.
/// </summary>
public sealed class LinkProxy : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private readonly HashSet<ProxiedConnection> _open = [];
    private readonly Task _accepting;
    private LinkConditions _conditions = LinkConditions.Good;
    private TaskCompletionSource _changed = New();
    private long _accepted, _resets;

    private LinkProxy(TcpListener listener, IPEndPoint? target, TimeProvider time)
    {
        (_listener, Target, _time) = (listener, target, time);
        (Forth, Back) = (new ProxyLane(this, forth: true, time), new ProxyLane(this, forth: false, time));
        _accepting = AcceptAsync(_stop.Token);
    }

    /// <summary>To the target, and back from it.</summary>
    internal ProxyLane Forth { get; }
    internal ProxyLane Back { get; }
    /// <summary>Where new connections lead; null: they are reset.</summary>
    public IPEndPoint? Target { get; set; }
    public IPEndPoint Address => (IPEndPoint)_listener.LocalEndpoint;
    public long Accepted => Volatile.Read(ref _accepted);
    /// <summary>Connections that it has reset.</summary>
    public long Resets => Volatile.Read(ref _resets);
    public long BytesForth => Forth.Bytes;
    public long BytesBack => Back.Bytes;

    public LinkConditions Conditions
    {
        get { lock (_lock) return _conditions; }
        set
        {
            TaskCompletionSource changed;
            lock (_lock)
            {
                _conditions = value;
                changed = _changed;
                _changed = New();
            }
            changed.TrySetResult();
            if (value.Cut) Reset();
        }
    }

    /// <summary>Turns one bit over in the next piece that it carries, under whatever encrypts the line.</summary>
    public void FlipBit(bool forth) => (forth ? Forth : Back).AskFlip();

    /// <summary>No flip that was asked for is still to come.</summary>
    public bool HasFlipped => !Forth.IsFlipAsked && !Back.IsFlipAsked;

    public static LinkProxy Listen(IPEndPoint? target, TimeProvider time)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return new LinkProxy(listener, target, time);
    }

    /// <summary>Ends every open connection with a reset, once.</summary>
    public void Reset()
    {
        ProxiedConnection[] open;
        lock (_lock) open = [.. _open];
        foreach (var connection in open) connection.Reset();
        Interlocked.Add(ref _resets, open.Length);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        Reset();
        Task[] ending;
        lock (_lock) ending = [.. _open.Select(c => c.Ended)];
        await Task.WhenAll(ending);
        _stop.Dispose();
    }

    /// <summary>Conditions, and a task that ends when they are no longer these.</summary>
    internal (LinkConditions Now, Task Changed) Look()
    {
        lock (_lock) return (_conditions, _changed.Task);
    }

    private async Task AcceptAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            try
            {
                Take(await _listener.AcceptSocketAsync(ct));
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                if (ct.IsCancellationRequested) return;
            }
        }
    }

    private void Take(Socket socket)
    {
        Interlocked.Increment(ref _accepted);
        if (Target is not { } target)
        {
            socket.Dispose();
            return;
        }
        var connection = new ProxiedConnection(this, socket, target, _time);
        lock (_lock) _open.Add(connection);
        connection.Start(() =>
        {
            lock (_lock) _open.Remove(connection);
        });
        if (Conditions.Cut) connection.Reset();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
