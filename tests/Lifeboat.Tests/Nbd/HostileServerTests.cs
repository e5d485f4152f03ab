// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Nbd;
using Lifeboat.Testing.Nbd;
using static Lifeboat.Testing.Nbd.NbdBytes;

namespace Lifeboat.Tests.Nbd;

/// <summary>Servers that break one rule each, and what the client makes of it.</summary>
public sealed class HostileServerTests
{
    private const ushort Flags = 1 | 4 | 8;   // has flags, flush, FUA

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static NbdTurn Hello => new(0, Greeting(3));

    // Client flags and STRUCTURED_REPLY; then GO with the name "disk".
    private static NbdTurn Structured(uint reply = RepAck) => new(4 + 16, OptionReply(OptStructuredReply, reply));

    private static NbdTurn Gone(ulong size = 65536) => new(16 + 12,
        [.. OptionReply(OptGo, RepInfo, ExportInfo(size, Flags)), .. OptionReply(OptGo, RepAck)]);

    public static TheoryData<string, byte[], NbdFault> BrokenGreetings => new()
    {
        { "not NBD", [.. "HTTP/1.1 400 Bad Request"u8], NbdFault.ProtocolViolation },
        { "oldstyle", [.. "NBDMAGIC"u8, .. U64(0x0000420281861253), .. new byte[136]], NbdFault.ProtocolViolation },
        { "bad option magic", [.. "NBDMAGIC"u8, .. new byte[10]], NbdFault.ProtocolViolation },
        { "too short", [.. "NBDMAGIC"u8], NbdFault.ConnectionLost },
    };

    [Theory]
    [MemberData(nameof(BrokenGreetings))]
    public async Task A_broken_greeting_is_named(string what, byte[] greeting, NbdFault expected)
    {
        await using var server = new ScriptedNbdServer(new NbdTurn(0, greeting));

        var failure = await Assert.ThrowsAsync<NbdException>(() => ConnectAsync(server));

        Assert.True(expected == failure.Fault, $"{what}: {failure.Fault} {failure.Message}");
    }

    public static TheoryData<string, byte[], NbdFault> BrokenAnswersToGo => new()
    {
        { "no size", OptionReply(OptGo, RepAck), NbdFault.ProtocolViolation },
        { "short info", OptionReply(OptGo, RepInfo, 0, 0, 1), NbdFault.ProtocolViolation },
        { "info without a type", OptionReply(OptGo, RepInfo, 0), NbdFault.ProtocolViolation },
        { "negative size", OptionReply(OptGo, RepInfo, ExportInfo(ulong.MaxValue, Flags)), NbdFault.ProtocolViolation },
        { "other option", OptionReply(OptList, RepAck), NbdFault.ProtocolViolation },
        { "unexpected reply", OptionReply(OptGo, RepServer), NbdFault.ProtocolViolation },
        { "4 GiB of reply", [.. OptionReply(OptGo, RepInfo)[..16], .. U32(uint.MaxValue)], NbdFault.ProtocolViolation },
        { "unknown export", OptionReply(OptGo, ErrUnknown, [.. "never heard of it"u8]), NbdFault.Rejected },
        { "TLS required", OptionReply(OptGo, ErrTlsReqd), NbdFault.Rejected },
        { "block of 3", OptionReply(OptGo, RepInfo, [.. U16(3), .. U32(3), .. U32(4096), .. U32(8192)]),
            NbdFault.ProtocolViolation },
        { "block of 0", OptionReply(OptGo, RepInfo, [.. U16(3), .. U32(0), .. U32(4096), .. U32(8192)]),
            NbdFault.ProtocolViolation },
        { "largest block 0", OptionReply(OptGo, RepInfo, [.. U16(3), .. U32(1), .. U32(4096), .. U32(0)]),
            NbdFault.ProtocolViolation },
    };

    [Theory]
    [MemberData(nameof(BrokenAnswersToGo))]
    public async Task A_broken_answer_to_go_is_named(string what, byte[] answer, NbdFault expected)
    {
        await using var server = new ScriptedNbdServer(Hello, Structured(), new NbdTurn(28, answer));

        var failure = await Assert.ThrowsAsync<NbdException>(() => ConnectAsync(server));

        Assert.True(expected == failure.Fault, $"{what}: {failure.Fault} {failure.Message}");
    }

    private static byte[] Data(ulong offset, int length) => [.. U64(offset), .. new byte[length]];

    public static TheoryData<string, byte[]> BrokenAnswersToRead => new()
    {
        { "bad magic", new byte[20] },
        { "unknown cookie", Chunk(77, 1, done: true, Data(1024, 512)) },
        { "before the request", Chunk(1, 1, done: true, Data(1023, 512)) },
        { "beyond the request", Chunk(1, 1, done: true, Data(1025, 512)) },
        { "offset that wraps", Chunk(1, 1, done: true, Data(ulong.MaxValue, 512)) },
        { "too much", Chunk(1, 1, done: true, Data(1024, 513)) },
        { "too little", Chunk(1, 1, done: true, Data(1024, 511)) },
        { "twice the same", [.. Chunk(1, 1, done: false, Data(1024, 9)), .. Chunk(1, 1, done: true, Data(1024, 9))] },
        { "overlap that fills it", [.. Chunk(1, 1, false, Data(1024, 300)), .. Chunk(1, 1, true, Data(1224, 312))] },
        { "overlap", [.. Chunk(1, 1, done: false, Data(1280, 256)), .. Chunk(1, 1, done: true, Data(1024, 300))] },
        { "no data in a data chunk", Chunk(1, 1, done: true, Data(1024, 0)) },
        { "hole beyond", Chunk(1, 2, done: true, [.. U64(1024), .. U32(1024)]) },
        { "hole of 4 GiB", Chunk(1, 2, done: true, [.. U64(1024), .. U32(uint.MaxValue)]) },
        { "hole of a wrong size", Chunk(1, 2, done: true, [.. U64(1024), .. U64(512)]) },
        { "done without data", Chunk(1, 0, done: true) },
        { "empty and not done", Chunk(1, 0, done: false) },
        { "block status", Chunk(1, 5, done: true, [.. U32(1), .. U32(512), .. U32(0)]) },
        { "unknown chunk", Chunk(1, 99, done: true, 1) },
        { "unknown flag", [.. Chunk(1, 1, done: true)[..4], 0, 3, 0, 1, .. U64(1), .. U32(520), .. Data(1024, 512)] },
        { "error 0", Chunk(1, 0x8001, done: true, [.. U32(0), .. U16(0)]) },
        { "error with a wrong text length", Chunk(1, 0x8001, done: true, [.. U32(5), .. U16(9), 1]) },
        { "error of 4 GiB", [.. Chunk(1, 0x8001, done: true)[..16], .. U32(uint.MaxValue)] },
        { "simple reply with data", SimpleReply(1, 0, new byte[512]) },
    };

    [Theory]
    [MemberData(nameof(BrokenAnswersToRead))]
    public async Task A_broken_answer_ends_everything_in_flight(string what, byte[] answer)
    {
        await using var server = new ScriptedNbdServer(Hello, Structured(), Gone(), new NbdTurn(56, answer));
        await using var client = await ConnectAsync(server);

        var first = client.ReadAsync(1024, new byte[512], Ct);
        var second = client.ReadAsync(4096, new byte[512], Ct);

        var failure = await Assert.ThrowsAsync<NbdException>(() => first);
        Assert.True(failure.Fault == NbdFault.ProtocolViolation, $"{what}: {failure.Fault} {failure.Message}");
        Assert.Equal(NbdFault.ProtocolViolation, (await Assert.ThrowsAsync<NbdException>(() => second)).Fault);
        var later = await Assert.ThrowsAsync<NbdException>(() => client.ReadAsync(0, new byte[1], Ct));
        Assert.Equal(NbdFault.ProtocolViolation, later.Fault);
    }

    [Fact]
    public async Task Chunks_may_come_in_any_order_and_with_holes()
    {
        byte[] answer = [.. Chunk(1, 1, done: false, [.. U64(1280), .. Enumerable.Repeat((byte)7, 256)]),
            .. Chunk(1, 2, done: false, [.. U64(1152), .. U32(128)]),
            .. Chunk(1, 1, done: false, [.. U64(1024), .. Enumerable.Repeat((byte)9, 128)]),
            .. Chunk(1, 0, done: true)];
        await using var server = new ScriptedNbdServer(Hello, Structured(), Gone(), new NbdTurn(28, answer));
        await using var client = await ConnectAsync(server);
        var buffer = Enumerable.Repeat((byte)1, 512).ToArray();

        await client.ReadAsync(1024, buffer, Ct);

        Assert.Equal(Enumerable.Repeat((byte)9, 128), buffer[..128]);
        Assert.Equal(new byte[128], buffer[128..256]);
        Assert.Equal(Enumerable.Repeat((byte)7, 256), buffer[256..]);
    }

    [Fact]
    public async Task An_error_fails_its_request_with_the_servers_words_and_no_other()
    {
        byte[] answer = [.. Chunk(1, 0x8002, done: true, [.. U32(5), .. U16(3), .. "bad"u8, .. U64(1024)]),
            .. Chunk(2, 1, done: true, Data(0, 1))];
        await using var server = new ScriptedNbdServer(Hello, Structured(), Gone(), new NbdTurn(56, answer));
        await using var client = await ConnectAsync(server);

        var first = client.ReadAsync(1024, new byte[512], Ct);
        var second = client.ReadAsync(0, new byte[1], Ct);

        var failure = await Assert.ThrowsAsync<NbdException>(() => first);
        Assert.Equal((NbdFault.RequestFailed, NbdError.Io), (failure.Fault, failure.Error));
        Assert.Contains("bad", failure.Message, StringComparison.Ordinal);
        await second;
    }

    [Fact]
    public async Task Old_servers_without_go_and_structure_are_used_by_export_name()
    {
        await using var server = new ScriptedNbdServer(Hello, Structured(ErrUnsup),
            new NbdTurn(28, OptionReply(OptGo, ErrUnsup)), new NbdTurn(20, [.. U64(512), .. U16(Flags)]),
            new NbdTurn(28, SimpleReply(1, 0, new byte[512])));
        await using var client = await ConnectAsync(server);

        await client.ReadAsync(0, new byte[512], Ct);

        Assert.Equal((512, false), (client.Info.Size, client.StructuredReplies));
    }

    [Fact]
    public async Task A_cancelled_request_ends_the_connection_and_tells_the_others()
    {
        await using var server = new ScriptedNbdServer(Hello, Structured(), Gone(), new NbdTurn(1000, []));
        await using var client = await ConnectAsync(server);
        using var cancel = new CancellationTokenSource();
        var cancelled = client.ReadAsync(0, new byte[512], cancel.Token);
        var other = client.ReadAsync(512, new byte[512], Ct);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        Assert.Equal(NbdFault.Closed, (await Assert.ThrowsAsync<NbdException>(() => other)).Fault);
    }

    [Fact]
    public async Task A_server_that_says_nothing_times_the_handshake_out()
    {
        await using var server = new ScriptedNbdServer(new NbdTurn(1000, []));
        var options = new NbdClientOptions { HandshakeTimeout = TimeSpan.FromMilliseconds(50) };

        var failure = await Assert.ThrowsAsync<NbdException>(
            () => NbdClient.ConnectAsync(server.EndPoint, options, Ct));

        Assert.Equal(NbdFault.TimedOut, failure.Fault);
    }

    [Fact]
    public async Task Requests_that_do_not_fit_are_never_sent()
    {
        await using var server = new ScriptedNbdServer(Hello, Structured(), Gone(), new NbdTurn(100, []));
        await using var client = await ConnectAsync(server);

        Func<Task>[] requests = [() => client.ReadAsync(65536, new byte[1], Ct),
            () => client.ReadAsync(-1, new byte[1], Ct), () => client.ReadAsync(long.MaxValue, new byte[2], Ct),
            () => client.TrimAsync(0, 512, false, Ct),
            () => client.ZeroAsync(0, 512, NbdZeroFlags.None, Ct),
            () => client.BlockStatusAsync("base:allocation", 0, 512, Ct)];

        foreach (var request in requests)
            Assert.Equal(NbdFault.InvalidRequest, (await Assert.ThrowsAsync<NbdException>(request)).Fault);
    }

    private static Task<NbdClient> ConnectAsync(ScriptedNbdServer server) =>
        NbdClient.ConnectAsync(server.EndPoint, new NbdClientOptions { Export = "disk" }, Ct);
}
