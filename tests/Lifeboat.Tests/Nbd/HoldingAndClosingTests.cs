// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Nbd;
using Lifeboat.Testing.Nbd;

namespace Lifeboat.Tests.Nbd;

/// <summary>What a capture gateway needs of the server: hold answers, be watched, let go at once.</summary>
public sealed class HoldingAndClosingTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_batch_ends_before_any_of_its_answers_leaves()
    {
        using var export = new BlockableExport();
        await using var fixture = new NbdFixture(export);
        using var peer = RawNbdPeer.InTransmission(fixture.EndPoint, "disk");

        peer.Send([.. Write(1), .. Write(2), .. Write(3)]);
        ulong[] cookies = [peer.ReceiveSimpleReply().Cookie, peer.ReceiveSimpleReply().Cookie,
            peer.ReceiveSimpleReply().Cookie];

        Assert.Equal([1, 2, 3], cookies);
        Assert.Equal(["write", "write", "write", "end"], export.Calls);
    }

    [Fact]
    public async Task When_a_batch_cannot_be_committed_none_of_it_is_answered()
    {
        using var export = new BlockableExport { BatchError = NbdError.NoSpace };
        await using var fixture = new NbdFixture(export);
        using var peer = RawNbdPeer.InTransmission(fixture.EndPoint, "disk");

        peer.Send([.. Write(1), .. Write(2)]);

        Assert.Equal(0, peer.Drain());
        Assert.Equal(NbdFault.ExportFailed, fixture.NextClosed().Fault);
    }

    [Fact]
    public async Task The_oldest_unanswered_request_is_seen_while_the_export_holds_it()
    {
        using var export = new BlockableExport();
        await using var fixture = new NbdFixture(export);
        await using var client = await fixture.ConnectAsync(Ct);
        Assert.Equal(0, fixture.Server.OldestUnansweredSince("disk"));
        export.Gate.Reset();
        var before = Stopwatch.GetTimestamp();

        var write = client.WriteAsync(0, new byte[512], fua: false, Ct);
        await export.Entered.WaitAsync(Ct);
        var since = fixture.Server.OldestUnansweredSince("disk");
        export.Gate.Set();
        await write;

        Assert.InRange(since, before, Stopwatch.GetTimestamp());
        Assert.True(SpinWait.SpinUntil(() => fixture.Server.OldestUnansweredSince("disk") == 0, 5_000));
    }

    // As a disk that is let go of while another task reads its gap.
    [Fact]
    public async Task A_request_that_comes_when_the_client_is_disposed_is_refused_and_does_not_wait()
    {
        await using var fixture = new NbdFixture(new MemoryExport("disk", 4096));
        var client = await fixture.ConnectAsync(Ct);
        await client.DisposeAsync();

        var late = await Assert.ThrowsAsync<NbdException>(
            () => client.ReadAsync(0, new byte[512], Ct).WaitAsync(TimeSpan.FromSeconds(5), Ct));

        Assert.Equal(NbdFault.Closed, late.Fault);
    }

    [Fact]
    public async Task Closing_wakes_a_connection_that_waits_for_its_client()
    {
        var exports = new NbdExports(new MemoryExport("a", 4096), new MemoryExport("b", 4096));
        await using var fixture = new NbdFixture(exports);
        await using var a = await fixture.ConnectAsync(Ct, "a");
        await using var b = await fixture.ConnectAsync(Ct, "b");

        await fixture.Server.CloseConnectionsAsync("a", Ct);

        await a.Ended.WaitAsync(TimeSpan.FromSeconds(5), Ct);
        Assert.Equal(NbdFault.Closed, fixture.NextClosed().Fault);
        await b.ReadAsync(0, new byte[4096], Ct);
    }

    [Fact]
    public async Task Closing_lets_the_client_go_although_the_export_still_holds_the_thread()
    {
        using var export = new BlockableExport();
        await using var fixture = new NbdFixture(export);
        await using var client = await fixture.ConnectAsync(Ct);
        export.Gate.Reset();
        var write = client.WriteAsync(0, new byte[512], fua: false, Ct);
        await export.Entered.WaitAsync(Ct);

        var closing = fixture.Server.CloseConnectionsAsync("disk", Ct);
        var failure = await Assert.ThrowsAsync<NbdException>(() => write).WaitAsync(TimeSpan.FromSeconds(5), Ct);

        Assert.Equal(NbdFault.ConnectionLost, failure.Fault);
        Assert.False(closing.IsCompleted);
        export.Gate.Set();
        await closing.WaitAsync(TimeSpan.FromSeconds(5), Ct);
    }

    [Fact]
    public async Task Requests_that_wait_in_the_buffer_do_not_reach_an_export_that_was_closed()
    {
        using var export = new BlockableExport();
        await using var fixture = new NbdFixture(export);
        using var peer = RawNbdPeer.InTransmission(fixture.EndPoint, "disk");
        export.Gate.Reset();
        peer.Send([.. Write(1), .. Write(2), .. Write(3)]);
        await export.Entered.WaitAsync(Ct);

        var closing = fixture.Server.CloseConnectionsAsync("disk", Ct);
        export.Gate.Set();
        await closing;

        Assert.Equal(["write"], export.Calls);
        Assert.Equal(0, peer.Drain());
    }

    [Fact]
    public async Task Closing_wakes_a_connection_whose_client_does_not_read()
    {
        await using var fixture = new NbdFixture(new MemoryExport("disk", 1024 * 1024));
        using var peer = RawNbdPeer.InTransmission(fixture.EndPoint, "disk");
        for (ulong cookie = 1; cookie <= 64; cookie++)
            peer.Send(NbdBytes.Request(NbdBytes.CmdRead, cookie, 0, 1024 * 1024));
        Assert.True(SpinWait.SpinUntil(() => fixture.Server.OldestUnansweredSince("disk") != 0, 5_000));

        await fixture.Server.CloseConnectionsAsync("disk", Ct).WaitAsync(TimeSpan.FromSeconds(5), Ct);

        Assert.Equal(NbdFault.Closed, fixture.NextClosed().Fault);
    }

    [Fact]
    public async Task A_removed_export_takes_no_new_connection()
    {
        await using var fixture = new NbdFixture(new MemoryExport("disk", 4096));
        Assert.True(fixture.Exports.Remove("disk"));

        var failure = await Assert.ThrowsAsync<NbdException>(() => fixture.ConnectAsync(Ct));

        Assert.Equal(NbdFault.Rejected, failure.Fault);
    }

    [Fact]
    public async Task An_export_that_throws_ends_its_connection_and_no_other()
    {
        await using var fixture = new NbdFixture(new NbdExports(new ThrowingExport(), new MemoryExport("good", 4096)));
        await using var good = await fixture.ConnectAsync(Ct, "good");
        await using var bad = await fixture.ConnectAsync(Ct, "bad");

        await Assert.ThrowsAsync<NbdException>(() => bad.ReadAsync(0, new byte[512], Ct));

        Assert.Equal(NbdFault.ExportFailed, fixture.NextClosed().Fault);
        await good.ReadAsync(0, new byte[4096], Ct);
    }

    [Fact]
    public async Task A_stale_socket_is_replaced_a_live_one_is_not_and_disposal_removes_it()
    {
        var exports = new NbdExports(new MemoryExport("disk", 4096));
        await using var fixture = new NbdFixture(exports);
        var taken = Assert.Throws<NbdException>(
            () => NbdServer.Listen(fixture.EndPoint, exports, NbdServerOptions.Default));
        Assert.Equal(NbdFault.ConnectFailed, taken.Fault);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(fixture.EndPoint.ToString()));

        await fixture.Server.DisposeAsync();
        Assert.False(File.Exists(fixture.EndPoint.ToString()));
        using (var dead = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix,
            System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified))
            dead.Bind(fixture.EndPoint);   // a process that died leaves just this
        await using var again = NbdServer.Listen(fixture.EndPoint, exports, NbdServerOptions.Default);
        await using var client = await fixture.ConnectAsync(Ct);
    }

    [Fact]
    public async Task A_file_in_the_place_of_the_socket_is_left_alone()
    {
        await using var fixture = new NbdFixture(new MemoryExport("disk", 4096));
        var path = fixture.File("precious");
        await File.WriteAllTextAsync(path, "data", Ct);

        var failure = Assert.Throws<NbdException>(() => NbdServer.Listen(
            new System.Net.Sockets.UnixDomainSocketEndPoint(path), fixture.Exports, NbdServerOptions.Default));

        Assert.Equal(NbdFault.ConnectFailed, failure.Fault);
        Assert.Equal("data", await File.ReadAllTextAsync(path, Ct));
    }

    private static byte[] Write(ulong cookie) =>
        NbdBytes.Request(NbdBytes.CmdWrite, cookie, cookie * 512, 512, payload: new byte[512]);

    private sealed class ThrowingExport : INbdExport
    {
        public NbdExportInfo Info { get; } = new() { Name = "bad", Size = 4096 };

        public NbdError Read(long offset, Span<byte> buffer) => throw new InvalidOperationException("on purpose");
    }
}
