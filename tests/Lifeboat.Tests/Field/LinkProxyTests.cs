// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Lifeboat.Testing;
using Lifeboat.Testing.Field;

namespace Lifeboat.Tests.Field;

/// <summary>The line of the torture kit does what it is told, for open connections too.</summary>
public sealed class LinkProxyTests : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly TcpListener _target = new(IPAddress.Loopback, 0);
    private readonly LinkProxy _proxy;
    // Held: a socket that nobody refers to any more resets its connection when it is collected.
    private readonly List<Socket> _sockets = [];

    public LinkProxyTests()
    {
        _target.Start();
        _proxy = LinkProxy.Listen((IPEndPoint)_target.LocalEndpoint, TimeProvider.System);
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Everything_passes_in_both_directions_and_ends_cleanly()
    {
        var (near, far) = await ConnectAsync();
        var bytes = new Prng(1).Bytes(3 << 20);
        var sending = SendAsync(near, bytes);
        Assert.Equal(bytes, await ReceiveAsync(far, bytes.Length));
        await sending;
        sending = SendAsync(far, bytes);
        Assert.Equal(bytes, await ReceiveAsync(near, bytes.Length));
        await sending;
        near.Shutdown(SocketShutdown.Send);
        Assert.Equal(0, await far.ReceiveAsync(new byte[1], Ct).AsTask().WaitAsync(Patience, Ct));
        Assert.Equal((bytes.Length, bytes.Length), (_proxy.BytesForth, _proxy.BytesBack));
    }

    [Fact]
    public async Task A_cut_resets_what_is_open_and_what_comes_until_it_is_mended()
    {
        var (near, far) = await ConnectAsync();
        _proxy.Conditions = LinkConditions.Down;
        await EndsAsync(near);
        await EndsAsync(far);
        using (var late = new Socket(SocketType.Stream, ProtocolType.Tcp))
        {
            await EndsAsync(late, connectFirst: true);
        }
        Assert.Equal(1, _proxy.Resets);
        _proxy.Conditions = LinkConditions.Good;
        // What came while it was cut may have reached the target for a moment.
        while (true)
        {
            var again = await ConnectAsync();
            await SendAsync(again.Near, [7]);
            var got = new byte[1];
            try
            {
                if (await again.Far.ReceiveAsync(got, Ct).AsTask().WaitAsync(Patience, Ct) == 1 && got[0] == 7) return;
            }
            catch (SocketException)
            {
                continue;
            }
        }
    }

    [Fact]
    public async Task A_capped_line_takes_its_time_and_loses_nothing()
    {
        var (near, far) = await ConnectAsync();
        _proxy.Conditions = new LinkConditions { BytesPerSecond = 200_000 };
        var bytes = new Prng(2).Bytes(200_000);
        var start = Stopwatch.GetTimestamp();
        var sending = SendAsync(near, bytes);
        Assert.Equal(bytes, await ReceiveAsync(far, bytes.Length));
        await sending;
        Assert.True(Stopwatch.GetElapsedTime(start) > TimeSpan.FromSeconds(0.9));
    }

    [Fact]
    public async Task A_late_line_delivers_each_byte_so_much_later()
    {
        var (near, far) = await ConnectAsync();
        _proxy.Conditions = new LinkConditions { Delay = TimeSpan.FromMilliseconds(150) };
        var start = Stopwatch.GetTimestamp();
        await SendAsync(near, [1]);
        await ReceiveAsync(far, 1);
        Assert.True(Stopwatch.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(148));
    }

    [Fact]
    public async Task A_line_that_is_silent_one_way_says_nothing_and_works_the_other_way()
    {
        var (near, far) = await ConnectAsync();
        _proxy.Conditions = new LinkConditions { SilentForth = true };
        await SendAsync(near, [1]);
        await SendAsync(far, [2]);
        Assert.Equal([2], await ReceiveAsync(near, 1));
        Assert.Equal(0, _proxy.BytesForth);
        Assert.Equal(0, far.Available);
        _proxy.Conditions = LinkConditions.Good;
        Assert.Equal([1], await ReceiveAsync(far, 1));
    }

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        _target.Dispose();
        foreach (var socket in _sockets) socket.Dispose();
    }

    private async Task<(Socket Near, Socket Far)> ConnectAsync()
    {
        var near = new Socket(SocketType.Stream, ProtocolType.Tcp);
        _sockets.Add(near);
        await near.ConnectAsync(_proxy.Address, Ct);
        var far = await _target.AcceptSocketAsync(Ct).AsTask().WaitAsync(Patience, Ct);
        _sockets.Add(far);
        return (near, far);
    }

    private static async Task SendAsync(Socket socket, byte[] bytes)
    {
        for (var sent = 0; sent < bytes.Length;)
            sent += await socket.SendAsync(bytes.AsMemory(sent), Ct).AsTask().WaitAsync(Patience, Ct);
    }

    private static async Task<byte[]> ReceiveAsync(Socket socket, int length)
    {
        var bytes = new byte[length];
        for (var got = 0; got < length;)
        {
            var received = await socket.ReceiveAsync(bytes.AsMemory(got), Ct).AsTask().WaitAsync(Patience, Ct);
            Assert.NotEqual(0, received);
            got += received;
        }
        return bytes;
    }

    private async Task EndsAsync(Socket socket, bool connectFirst = false)
    {
        try
        {
            if (connectFirst) await socket.ConnectAsync(_proxy.Address, Ct);
            Assert.Equal(0, await socket.ReceiveAsync(new byte[1], Ct).AsTask().WaitAsync(Patience, Ct));
        }
        catch (SocketException)
        {
            // Reset: the usual way.
        }
    }
}
