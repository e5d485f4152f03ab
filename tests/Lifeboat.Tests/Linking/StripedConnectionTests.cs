// SPDX-License-Identifier: Apache-2.0
using System.Threading.Channels;
using Lifeboat.Protection.Links;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Linking.Stripes;
using Lifeboat.Testing;

namespace Lifeboat.Tests.Linking;

public sealed class StripedConnectionTests : IAsyncDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly LinkTimings Timings = new()
    {
        PathPingInterval = TimeSpan.FromMilliseconds(50), PathDeadAfter = TimeSpan.FromSeconds(2),
    };

    private readonly StripedConnection _near = new("b", 3, Timings, TimeProvider.System);
    private readonly StripedConnection _far = new("a", 3, Timings, TimeProvider.System);
    private readonly PathMeter[] _meters = [new(), new(), new()];
    private readonly List<Pipe> _pipes = [];

    public StripedConnectionTests()
    {
        foreach (var meter in _meters)
        {
            var pipe = new Pipe();
            _pipes.Add(pipe);
            Assert.True(_near.TryAdd(pipe.Near, meter, out _));
            Assert.True(_far.TryAdd(pipe.Far, new PathMeter(), out _));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_sent_comes_out_whole_and_in_order_though_a_path_fails_or_falls_silent(bool silently)
    {
        var prng = new Prng(5);
        byte[][] sent = [.. Enumerable.Range(0, 3000).Select(i => prng.Bytes(prng.Next(1, 3000)))];
        var (there, back) = (ReceiveAsync(_far, sent.Length), ReceiveAsync(_near, 100));
        for (var i = 0; i < sent.Length; i++)
        {
            if (i == 700 && silently) _pipes[1].IsSilent = true;
            else if (i == 700) _pipes[1].Break();
            await _near.SendAsync(sent[i], None);
            if (i % 30 == 0) await _far.SendAsync(sent[i], None);
        }
        Assert.Equal(sent, await there);
        Assert.Equal(sent.Where((_, i) => i % 30 == 0), await back);
        for (var tries = 0; !_meters.Select(m => m.State("").Up).SequenceEqual([1, 0, 1]); tries++)
        {
            Assert.True(tries < 3000, string.Join("; ", _meters.Select(m => m.State("path"))));
            await Task.Delay(10, None);
        }
        Assert.All(_meters, m => Assert.True(m.State("").WireBytes > 0, "a path was not used"));
    }

    [Fact]
    public async Task A_host_that_stood_still_does_not_give_its_paths_up()
    {
        var time = new HandClock();
        await using var near = new StripedConnection("b", 3, Timings, time);
        var (pipe, meter) = (new Pipe(), new PathMeter());
        Assert.True(near.TryAdd(pipe.Near, meter, out var ended));

        time.Advance(5 * Timings.PathDeadAfter);
        // The first may have left before.
        for (var pings = 0; pings < 3;)
            if (MessageCodec.Open((await pipe.Far.ReceiveAsync(None))!.Value, out _) == MessageKind.Ping) pings++;

        Assert.Equal(1, meter.State("").Up);
        Assert.False(ended.IsCompleted);
        pipe.Break();
    }

    [Fact]
    public async Task It_ends_when_no_path_is_left_and_what_came_in_order_is_still_handed_out()
    {
        await _near.SendAsync(new byte[] { 1, 2, 3 }, None);
        Assert.Equal(new byte[] { 1, 2, 3 }, (await _far.ReceiveAsync(None))!.Value.ToArray());
        foreach (var pipe in _pipes) pipe.Break();
        await Assert.ThrowsAsync<LinkException>(async () => await _far.ReceiveAsync(None));
        await Assert.ThrowsAsync<LinkException>(async () =>
        {
            while (true) await _near.SendAsync(new byte[1000], None);
        });
        Assert.False(_near.TryAdd(new Pipe().Near, new PathMeter(), out _));
    }

    [Fact]
    public async Task A_reader_that_takes_nothing_stops_the_writer_within_the_window()
    {
        var sent = 0L;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            for (var message = new byte[256 << 10]; ; sent += message.Length)
                await _near.SendAsync(message, limit.Token);
        });
        Assert.InRange(sent, StripedConnection.WindowBytes - (512 << 10), StripedConnection.WindowBytes + (512 << 10));
        for (var taken = 0L; taken < sent; taken += 256 << 10) await _far.ReceiveAsync(None);
        await _near.SendAsync(new byte[1], None);
    }

    [Fact]
    public async Task Last_words_leave_before_it_is_closed()
    {
        await _near.SendAsync(new byte[] { 9 }, None);
        await _near.DisposeAsync();
        Assert.Equal([9], (await _far.ReceiveAsync(None))!.Value.ToArray());
        Assert.Null(await _far.ReceiveAsync(None));
    }

    [Theory]
    [InlineData("192.0.2.7", true)]
    [InlineData("fe80::1", true)]
    [InlineData("eth1", true)]
    [InlineData("any=host.example:7402", true)]
    [InlineData("192.0.2.7=192.0.2.9:7402", true)]
    [InlineData("eth1=host", false)]
    [InlineData("eth1=host:0", false)]
    [InlineData("a device", false)]
    [InlineData("", false)]
    public void A_path_is_an_address_or_a_device(string text, bool good)
    {
        var problems = new LinkSettings { Paths = [text] }.Problems();
        Assert.Equal(good, problems.Count == 0);
        Assert.Single(new LinkSettings { Paths = ["eth1", "eth1"] }.Problems());
    }

    public async ValueTask DisposeAsync()
    {
        await _near.DisposeAsync();
        await _far.DisposeAsync();
    }

    private static async Task<List<byte[]>> ReceiveAsync(StripedConnection from, int count)
    {
        var all = new List<byte[]>();
        while (all.Count < count) all.Add((await from.ReceiveAsync(None))!.Value.ToArray());
        return all;
    }

    /// <summary>A path in memory.</summary>
    private sealed class Pipe
    {
        public Pipe()
        {
            var (there, back) = (Lane(), Lane());
            (Near, Far) = (new End(this, there, back), new End(this, back, there));
        }

        public End Near { get; }
        public End Far { get; }
        /// <summary>What is sent is taken and lost.</summary>
        public bool IsSilent { get; set; }

        public void Break()
        {
            var e = new LinkException(LinkFault.Broken, "reset");
            Near.Out.Writer.TryComplete(e);
            Far.Out.Writer.TryComplete(e);
        }

        private static Channel<byte[]> Lane() => Channel.CreateBounded<byte[]>(8);

        internal sealed class End(Pipe pipe, Channel<byte[]> outgoing, Channel<byte[]> incoming) : ILinkConnection
        {
            private long _received;

            public Channel<byte[]> Out => outgoing;
            public string PeerSite => "peer";
            public int Version => 3;
            public long ReceivedBytes => Volatile.Read(ref _received);

            public async ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken ct)
            {
                if (pipe.IsSilent) return;
                try
                {
                    await outgoing.Writer.WriteAsync(message.ToArray(), ct);
                }
                catch (ChannelClosedException e)
                {
                    throw new LinkException(LinkFault.Broken, "closed", e);
                }
            }

            public async ValueTask<ReadOnlyMemory<byte>?> ReceiveAsync(CancellationToken ct)
            {
                if (!await incoming.Reader.WaitToReadAsync(ct)) return null;
                if (!incoming.Reader.TryRead(out var message)) throw new LinkException(LinkFault.Broken, "two readers");
                Interlocked.Add(ref _received, message.Length);
                return message;
            }

            public ValueTask DisposeAsync()
            {
                outgoing.Writer.TryComplete();
                return ValueTask.CompletedTask;
            }
        }
    }
}
