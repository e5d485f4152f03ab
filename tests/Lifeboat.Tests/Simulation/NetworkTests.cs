// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Links;
using Lifeboat.Replication.Linking;
using Lifeboat.Testing;
using Lifeboat.Testing.Simulation;

namespace Lifeboat.Tests.Simulation;

public sealed class NetworkTests
{
    private readonly SimulatedScheduler _scheduler = new(new Prng(3));
    private readonly SimulatedProcess _client, _server;
    private readonly SimulatedNetwork _network;
    private readonly List<ILinkConnection> _accepted = [];
    private readonly List<string> _seen = [];
    private int _ids;

    public NetworkTests()
    {
        _client = Spawn("client");
        _server = Spawn("server");
        _network = new SimulatedNetwork(_scheduler, Spawn("wires"), new Prng(4));
        _network.Listen("b:1", "site-b", _server, _accepted.Add);
    }

    [Fact]
    public void Messages_arrive_in_order_and_the_end_is_orderly()
    {
        _client.Start(async () =>
        {
            await using var connection = await ConnectAsync();
            Assert.Equal("site-b", connection.PeerSite);
            for (byte i = 0; i < 50; i++) await connection.SendAsync(new[] { i }, default);
        });
        _server.Start(async () =>
        {
            var connection = await AcceptAsync();
            Assert.Equal("site-a", connection.PeerSite);
            while (await connection.ReceiveAsync(default) is { } message) _seen.Add($"{message.Span[0]}");
            _seen.Add("end");
        });

        Run();

        Assert.Equal([.. Enumerable.Range(0, 50).Select(i => $"{i}"), "end"], _seen);
    }

    [Fact]
    public void An_old_connection_delivers_after_a_new_one_was_made()
    {
        _client.Start(async () =>
        {
            var old = await ConnectAsync();
            await old.SendAsync("old"u8.ToArray(), default);
            _network.Partition();
            await old.DisposeAsync();
            await _client.Clock.DelayAsync(TimeSpan.FromSeconds(1));
            _network.Latency = TimeSpan.FromMilliseconds(900);
            _network.Heal();
            _network.Latency = TimeSpan.FromMilliseconds(1);
            var next = await ConnectAsync();
            await next.SendAsync("new"u8.ToArray(), default);
        });
        _server.Start(async () =>
        {
            await AcceptAsync();
            var reads = new[] { ReadAsync(_accepted[0]), Task.CompletedTask };
            while (_accepted.Count < 2) await _server.Clock.DelayAsync(TimeSpan.FromMilliseconds(1));
            reads[1] = ReadAsync(_accepted[1]);
            await Task.WhenAll(reads);
        });

        Run();

        Assert.Equal(["new", "old"], _seen);
    }

    [Fact]
    public void A_dead_peer_breaks_the_connection()
    {
        _client.Start(async () =>
        {
            var connection = await ConnectAsync();
            _server.Kill();
            var e = await Assert.ThrowsAsync<LinkException>(async () => await connection.ReceiveAsync(default));
            _seen.Add(e.Fault.ToString());
            e = await Assert.ThrowsAsync<LinkException>(ConnectAsync);
            _seen.Add(e.Fault.ToString());
        });

        Run();

        Assert.Equal(["Broken", "Unreachable"], _seen);
    }

    [Fact]
    public void The_wrong_site_is_refused()
    {
        _client.Start(async () =>
        {
            var e = await Assert.ThrowsAsync<LinkException>(() =>
                _network.LinkOf("site-a", _client).ConnectAsync("b:1", "site-c", LinkPath.Any, default));
            _seen.Add(e.Fault.ToString());
        });

        Run();

        Assert.Equal(["CertificateRefused"], _seen);
    }

    private void Run() => _scheduler.Run(() => false, 100_000);

    private Task<ILinkConnection> ConnectAsync() =>
        _network.LinkOf("site-a", _client).ConnectAsync("b:1", "site-b", LinkPath.Any, default);

    private async Task<ILinkConnection> AcceptAsync()
    {
        while (_accepted.Count == 0) await _server.Clock.DelayAsync(TimeSpan.FromMilliseconds(1));
        return _accepted[0];
    }

    private async Task ReadAsync(ILinkConnection connection)
    {
        while (true)
        {
            if (await connection.ReceiveAsync(default) is not { } message) return;
            _seen.Add(System.Text.Encoding.UTF8.GetString(message.Span));
            if (_seen.Count == 2) return;
        }
    }

    private SimulatedProcess Spawn(string name) =>
        new(_scheduler, _ids++, name, (_, e) => throw new SimulationException(e.ToString()));
}
