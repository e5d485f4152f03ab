// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Nbd;
using Lifeboat.Testing;
using Lifeboat.Testing.Nbd;

namespace Lifeboat.Tests.Nbd;

/// <summary>Our client against our server, over real sockets.</summary>
public sealed class RoundTripTests
{
    private const int Mebibyte = 1024 * 1024;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData(64 * 1024)]
    [InlineData(70_001)]
    [InlineData(128 * 1024)]
    [InlineData(3 * Mebibyte + 17)]
    [InlineData(40 * Mebibyte)]   // longer than one request may be
    public async Task What_was_written_is_read_back(int length)
    {
        await using var fixture = new NbdFixture(new MemoryExport("disk", 64 * Mebibyte));
        await using var client = await fixture.ConnectAsync(Ct);
        var data = Pattern(length, seed: length);

        await client.WriteAsync(12_345, data, fua: false, Ct);

        var back = new byte[length + 2];
        await client.ReadAsync(12_344, back, Ct);
        Assert.Equal(0, back[0]);
        Assert.True(back.AsSpan(1, length).SequenceEqual(data));
        Assert.Equal(0, back[^1]);
    }

    [Fact]
    public async Task Many_requests_in_flight_do_not_mix()
    {
        await using var fixture = new NbdFixture(new MemoryExport("disk", 64 * Mebibyte));
        await using var client = await fixture.ConnectAsync(Ct);

        var writes = Enumerable.Range(0, 500)
            .Select(i => client.WriteAsync(i * 100_000L, Pattern(1 + i * 150, i), fua: false, Ct));
        await Task.WhenAll(writes);
        await Parallel.ForEachAsync(Enumerable.Range(0, 500), Ct, async (i, ct) =>
        {
            var back = new byte[1 + i * 150];
            await client.ReadAsync(i * 100_000L, back, ct);
            Assert.True(back.AsSpan().SequenceEqual(Pattern(back.Length, i)), $"request {i}");
        });
    }

    // Found while it lingers, or slept for; and a client in no hurry.
    [Theory]
    [InlineData(0)]
    [InlineData(50)]
    [InlineData(10_000)]
    public async Task Requests_are_served_however_long_the_server_lingers(int microseconds)
    {
        var options = NbdServerOptions.Default with { Linger = TimeSpan.FromMicroseconds(microseconds) };
        Assert.Empty(options.Problems());
        await using var fixture = new NbdFixture(new MemoryExport("disk", Mebibyte), options);
        await using var client = await fixture.ConnectAsync(Ct);
        for (var i = 0; i < 40; i++)
        {
            await client.WriteAsync(i * 4096, Pattern(4096, i), fua: false, Ct);
            if (i % 8 == 0) await Task.Delay(15, Ct);
        }
        var back = new byte[4096];
        await client.ReadAsync(39 * 4096, back, Ct);
        Assert.Equal(Pattern(4096, 39), back);
    }

    [Fact]
    public async Task Long_and_short_writes_in_flight_do_not_mix()
    {
        await using var fixture = new NbdFixture(new MemoryExport("disk", 64 * Mebibyte));
        await using var client = await fixture.ConnectAsync(Ct);
        static int Length(int i) => i % 3 == 0 ? 300_000 + i : 1 + i;

        await Task.WhenAll(Enumerable.Range(0, 150)
            .Select(i => client.WriteAsync(i * 400_000L, Pattern(Length(i), i), fua: false, Ct)));
        for (var i = 0; i < 150; i++)
        {
            var back = new byte[Length(i)];
            await client.ReadAsync(i * 400_000L, back, Ct);
            Assert.True(back.AsSpan().SequenceEqual(Pattern(back.Length, i)), $"request {i}");
        }
    }

    [Fact]
    public async Task Simple_replies_serve_a_client_that_wants_no_structure()
    {
        await using var fixture = new NbdFixture(new MemoryExport("disk", Mebibyte));
        var options = new NbdClientOptions { Export = "disk", StructuredReplies = false };
        await using var client = await NbdClient.ConnectAsync(fixture.EndPoint, options, Ct);
        await client.WriteAsync(0, Pattern(100_000, 1), fua: true, Ct);

        var back = new byte[100_000];
        await client.ReadAsync(0, back, Ct);

        Assert.False(client.StructuredReplies);
        Assert.True(back.AsSpan().SequenceEqual(Pattern(100_000, 1)));
    }

    [Fact]
    public async Task Allocation_is_told_and_trim_takes_it_back()
    {
        await using var fixture = new NbdFixture(new MemoryExport("disk", 8 * Mebibyte));
        await using var client = await fixture.ConnectAsync(Ct, "disk", NbdExtent.BaseAllocation);
        await client.WriteAsync(Mebibyte, Pattern(Mebibyte, 2), fua: false, Ct);
        NbdExtent hole = new(Mebibyte, NbdExtent.Hole | NbdExtent.Zero);

        var before = await client.BlockStatusAsync(NbdExtent.BaseAllocation, 0, 8 * Mebibyte, Ct);
        await client.TrimAsync(Mebibyte, Mebibyte, fua: false, Ct);
        var after = await client.BlockStatusAsync(NbdExtent.BaseAllocation, 0, 8 * Mebibyte, Ct);

        Assert.Equal([hole, new NbdExtent(Mebibyte, 0), hole with { Length = 6 * Mebibyte }], before);
        Assert.Equal([hole with { Length = 8 * Mebibyte }], after);
    }

    [Fact]
    public async Task Exports_are_listed_and_an_unknown_one_is_refused()
    {
        var exports = new NbdExports(new MemoryExport("a", 4096), new MemoryExport("b", 4096));
        await using var fixture = new NbdFixture(exports);

        var listed = await NbdClient.ListAsync(fixture.EndPoint, new NbdClientOptions(), Ct);
        var refused = await Assert.ThrowsAsync<NbdException>(() => fixture.ConnectAsync(Ct, "c"));

        Assert.Equal(["a", "b"], listed.Select(e => e.Name));
        Assert.Equal(NbdFault.Rejected, refused.Fault);
    }

    [Fact]
    public async Task A_client_that_leaves_in_order_is_no_fault()
    {
        await using var fixture = new NbdFixture(new MemoryExport("disk", 4096));
        var client = await fixture.ConnectAsync(Ct);

        await client.DisposeAsync();

        var closed = fixture.NextClosed();
        Assert.Null(closed.Fault);
        Assert.Equal("disk", closed.Export);
    }

    private static byte[] Pattern(int length, int seed) => new Prng((ulong)seed).Bytes(length);
}
