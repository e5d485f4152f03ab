// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Lifeboat.Nbd;
using Lifeboat.Testing.Nbd;
using static Lifeboat.Testing.Nbd.NbdBytes;

namespace Lifeboat.Tests.Nbd;

/// <summary>Clients that break one rule each. The server refuses, and serves the next client.</summary>
public sealed class HostileClientTests
{
    private const uint Size = 1024 * 1024;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static TheoryData<string, byte[]> BrokenHandshakes => new()
    {
        { "unknown client flag", ClientFlags(0x80000003) },
        { "bad option magic", [.. ClientFlags(3), .. new byte[16]] },
        { "option of 4 GiB", [.. ClientFlags(3), .. "IHAVEOPT"u8, .. U32(OptList), .. U32(uint.MaxValue)] },
        { "option just too long", [.. ClientFlags(3), .. Option(OptGo, new byte[64 * 1024 + 1])] },
        { "export name too long", [.. ClientFlags(3), .. Option(OptExportName, new byte[4097])] },
        { "export name not UTF-8", [.. ClientFlags(3), .. Option(OptExportName, 0xff, 0xfe)] },
        { "unknown export by old option", [.. ClientFlags(3), .. Option(OptExportName, (byte)'x')] },
        { "endless options", [.. ClientFlags(3), .. Enumerable.Repeat(Option(OptList), 300).SelectMany(o => o)] },
    };

    [Theory]
    [MemberData(nameof(BrokenHandshakes))]
    public async Task A_broken_handshake_ends_the_connection(string what, byte[] bytes)
    {
        await using var fixture = Fixture();
        using (var peer = new RawNbdPeer(fixture.EndPoint))
        {
            peer.Send(bytes);
            peer.Drain();
        }

        Assert.True(fixture.NextClosed().Fault is NbdFault.ProtocolViolation or NbdFault.Rejected, what);
        await AssertServesAsync(fixture);
    }

    public static TheoryData<string, byte[], uint> RefusedOptions => new()
    {
        { "unknown option", Option(77), ErrUnsup },
        { "LIST with data", Option(OptList, 1), ErrInvalid },
        { "STRUCTURED_REPLY with data", Option(OptStructuredReply, 1), ErrInvalid },
        { "STARTTLS without TLS", Option(OptStartTls), ErrPolicy },
        { "GO, unknown export", Go("nobody"), ErrUnknown },
        { "INFO, unknown export", Option(OptInfo, [.. Name("nobody"), .. U16(0)]), ErrUnknown },
        { "GO, name longer than the option", Option(OptGo, [.. U32(1000), .. "disk"u8, .. U16(0)]), ErrInvalid },
        { "GO, name of 4 GiB", Option(OptGo, [.. U32(uint.MaxValue), .. "disk"u8, .. U16(0)]), ErrInvalid },
        { "GO, name of 4097 bytes", Go(new string('x', 4097)), ErrInvalid },
        { "GO, more requests than bytes", Option(OptGo, [.. Name("disk"), .. U16(9), .. U16(3)]), ErrInvalid },
        { "GO, bytes left over", Option(OptGo, [.. Name("disk"), .. U16(0), 0]), ErrInvalid },
        { "GO, empty", Option(OptGo), ErrInvalid },
        { "GO, bad UTF-8", Option(OptGo, [.. U32(2), 0xc3, 0x28, .. U16(0)]), ErrInvalid },
        { "SET before structured replies", MetaContext(OptSetMetaContext, "disk", "base:allocation"), ErrInvalid },
        { "LIST_META, unknown export", MetaContext(OptListMetaContext, "nobody"), ErrUnknown },
        { "LIST_META, 4 G queries", Option(OptListMetaContext, [.. Name("disk"), .. U32(uint.MaxValue)]), ErrInvalid },
        { "LIST_META, 65 queries", MetaContext(OptListMetaContext, "disk", new string[65].Select(_ => "x").ToArray()),
            ErrInvalid },
        { "LIST_META, long query", Option(OptListMetaContext, [.. Name("disk"), .. U32(1), .. U32(9), 1]), ErrInvalid },
    };

    [Theory]
    [MemberData(nameof(RefusedOptions))]
    public async Task A_bad_option_is_refused_and_the_handshake_goes_on(string what, byte[] option, uint expected)
    {
        await using var fixture = Fixture();
        using var peer = new RawNbdPeer(fixture.EndPoint);

        peer.Send(ClientFlags(3), option);
        var (reply, _) = peer.ReceiveOptionReply();
        peer.Send(Option(OptStructuredReply));
        var (next, _) = peer.ReceiveOptionReply();

        Assert.True(expected == reply, $"{what}: {reply:x}");
        Assert.Equal(RepAck, next);
    }

    public static TheoryData<string, byte[], uint> RefusedRequests => new()
    {
        { "read at the end", Request(CmdRead, 9, Size, 1), 22 },
        { "read over the end", Request(CmdRead, 9, Size - 1, 2), 22 },
        { "read whose end wraps round", Request(CmdRead, 9, ulong.MaxValue, 2), 22 },
        { "read of nothing", Request(CmdRead, 9, 0, 0), 22 },
        { "read of 4 GiB", Request(CmdRead, 9, 0, uint.MaxValue), 22 },
        { "read with DF but no structure", Request(CmdRead, 9, 0, 512, flags: 4), 22 },
        { "read with an unknown flag", Request(CmdRead, 9, 0, 512, flags: 0x8000), 22 },
        { "write over the end", Request(CmdWrite, 9, Size - 1, 2, payload: [1, 2]), 28 },
        { "write with NO_HOLE", Request(CmdWrite, 9, 0, 2, flags: 2, payload: [1, 2]), 22 },
        { "zero over the end", Request(CmdZero, 9, 1, Size), 28 },
        { "zero that wraps round", Request(CmdZero, 9, ulong.MaxValue - 1, 16), 28 },
        { "trim over the end", Request(CmdTrim, 9, 1, Size), 22 },
        { "flush with a range", Request(CmdFlush, 9, 0, 512), 22 },
        { "status without a context", Request(CmdBlockStatus, 9, 0, 512), 22 },
        { "cache over the end", Request(CmdCache, 9, Size, 1), 22 },
        { "unknown command", Request(99, 9, 0, 512), 22 },
        { "resize", Request(8, 9, 0, 512), 22 },
    };

    [Theory]
    [MemberData(nameof(RefusedRequests))]
    public async Task A_bad_request_is_refused_and_the_next_one_served(string what, byte[] request, uint expected)
    {
        await using var fixture = Fixture();
        using var peer = RawNbdPeer.InTransmission(fixture.EndPoint, "disk");

        peer.Send([.. request, .. Request(CmdRead, 10, 0, 512)]);

        Assert.True((expected, 9UL) == peer.ReceiveSimpleReply(), what);
        Assert.Equal((0u, 10UL), peer.ReceiveSimpleReply());
        Assert.Equal(new byte[512], peer.Receive(512));
    }

    public static TheoryData<string, byte[]> BrokenRequests => new()
    {
        { "bad magic", new byte[28] },
        { "write longer than any payload", Request(CmdWrite, 1, 0, 32 * 1024 * 1024 + 1) },
        { "write of 4 GiB", Request(CmdWrite, 1, 0, uint.MaxValue) },
    };

    [Theory]
    [MemberData(nameof(BrokenRequests))]
    public async Task A_broken_request_ends_the_connection(string what, byte[] request)
    {
        await using var fixture = Fixture();
        using (var peer = RawNbdPeer.InTransmission(fixture.EndPoint, "disk"))
        {
            peer.Send(request);
            Assert.True(peer.Drain() == 0, what);
        }

        Assert.Equal(NbdFault.ProtocolViolation, fixture.NextClosed().Fault);
        await AssertServesAsync(fixture);
    }

    [Fact]
    public async Task A_read_only_export_refuses_changes_and_takes_their_payload()
    {
        await using var fixture = new NbdFixture(new MemoryExport("disk", Size, readOnly: true));
        using var peer = RawNbdPeer.InTransmission(fixture.EndPoint, "disk");

        peer.Send(Request(CmdWrite, 1, 0, 512, payload: new byte[512]), Request(CmdTrim, 2, 0, 512),
            Request(CmdZero, 3, 0, 512), Request(CmdRead, 4, 0, 1));

        for (ulong cookie = 1; cookie <= 3; cookie++)
            Assert.Equal((1u, cookie), peer.ReceiveSimpleReply());
        Assert.Equal((0u, 4UL), peer.ReceiveSimpleReply());
    }

    [Fact]
    public async Task Contexts_chosen_for_one_export_do_not_carry_over_to_another()
    {
        var exports = new NbdExports(new MemoryExport("disk", Size), new MemoryExport("other", Size));
        await using var fixture = new NbdFixture(exports);
        using var peer = new RawNbdPeer(fixture.EndPoint);
        peer.Send(ClientFlags(3), Option(OptStructuredReply), MetaContext(OptSetMetaContext, "disk", "base:allocation"),
            Go("other"), Request(CmdBlockStatus, 1, 0, 512));
        uint[] replies = [.. Enumerable.Range(0, 6).Select(_ => peer.ReceiveOptionReply().Reply)];

        var chunk = peer.Receive(26);

        Assert.Equal([RepAck, RepMetaContext, RepAck, RepInfo, RepInfo, RepAck], replies);
        Assert.Equal([.. U16(1), .. U16(0x8001)], chunk[4..8]);
        Assert.Equal(U32(22), chunk[20..24]);
    }

    [Fact]
    public async Task A_client_that_dawdles_in_the_handshake_is_cut()
    {
        var time = new HandTimers();
        await using var fixture = Fixture(NbdServerOptions.Default with { Time = time });
        using var peer = new RawNbdPeer(fixture.EndPoint);
        peer.Send(ClientFlags(3), Encoding.ASCII.GetBytes("IHAVE"));

        time.GoOff();

        Assert.Equal(0, peer.Drain());
        Assert.Equal(NbdFault.TimedOut, fixture.NextClosed().Fault);
    }

    [Fact]
    public async Task The_time_for_the_handshake_does_not_end_a_connection_that_is_through()
    {
        var time = new HandTimers();
        await using var fixture = Fixture(NbdServerOptions.Default with { Time = time });
        using var peer = RawNbdPeer.InTransmission(fixture.EndPoint, "disk");
        peer.Send(Request(CmdRead, 1, 0, 1));
        Assert.Equal((0u, 1UL), peer.ReceiveSimpleReply());
        peer.Receive(1);

        time.GoOff();
        peer.Send(Request(CmdRead, 2, 0, 1));

        Assert.Equal((0u, 2UL), peer.ReceiveSimpleReply());
        Assert.Equal(1, time.Count);
    }

    [Fact]
    public async Task One_connection_too_many_is_closed_and_a_free_place_is_used_again()
    {
        await using var fixture = Fixture(NbdServerOptions.Default with { ConnectionsMax = 2 });
        using var first = RawNbdPeer.InTransmission(fixture.EndPoint, "disk");
        using (RawNbdPeer.InTransmission(fixture.EndPoint, "disk"))
        {
            Assert.Throws<EndOfStreamException>(() => new RawNbdPeer(fixture.EndPoint));
            Assert.Equal(NbdFault.TooManyConnections, fixture.NextClosed().Fault);
        }
        Assert.Equal(NbdFault.ConnectionLost, fixture.NextClosed().Fault);
        Assert.True(SpinWait.SpinUntil(() => fixture.Server.Connections.Count == 1, 5_000));

        await AssertServesAsync(fixture);
    }

    private static NbdFixture Fixture(NbdServerOptions? options = null) =>
        new(new MemoryExport("disk", Size), options);

    private static async Task AssertServesAsync(NbdFixture fixture)
    {
        await using var client = await fixture.ConnectAsync(Ct);
        await client.WriteAsync(0, new byte[] { 1, 2, 3 }, fua: false, Ct);
    }
}
