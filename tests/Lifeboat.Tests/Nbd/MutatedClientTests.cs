// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Nbd;
using Lifeboat.Testing;
using Lifeboat.Testing.Nbd;
using static Lifeboat.Testing.Nbd.NbdBytes;

namespace Lifeboat.Tests.Nbd;

/// <summary>The server against thousands of damaged clients: it survives, holds little, serves the next.</summary>
[Collection(nameof(MemoryMeasured))]
public sealed class MutatedClientTests
{
    private const int Size = 1024 * 1024;
    private const long MemoryMax = 96L * 1024 * 1024;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1, 1500)]
    [InlineData(2, 1500)]
    public async Task The_server_outlives_damaged_clients(ulong seed, int rounds)
    {
        var disk = new GuardedExport(Size);
        await using var fixture = new NbdFixture(disk);
        var prng = new Prng(seed);
        var mutator = new ByteMutator(prng);
        byte[][] conversations = [await RecordAsync(fixture), Handcrafted()];
        var before = GC.GetTotalMemory(forceFullCollection: true);

        for (var round = 0; round < rounds; round++)
        {
            var bytes = mutator.Mutate(prng.Pick(conversations));
            using (var peer = new RawNbdPeer(fixture.EndPoint))
                Blast(peer, bytes);
            if (round % 100 == 0)
                await AssertServesAsync(fixture, $"seed {seed}, round {round}");
        }

        Assert.Null(disk.Broken);
        Assert.True(SpinWait.SpinUntil(() => fixture.Server.Connections.Count == 0, 10_000), "connections are left");
        var grown = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.True(grown < MemoryMax, $"{grown} bytes are held after seed {seed}");
        Assert.DoesNotContain(fixture.Closed, c => c.Fault == NbdFault.ExportFailed);
    }

    private static void Blast(RawNbdPeer peer, byte[] bytes)
    {
        try
        {
            peer.Send(bytes);
            peer.EndSending();
        }
        catch (System.Net.Sockets.SocketException)
        {
            // The server had enough before we were through.
        }
        peer.Drain();
    }

    // What a real client says: every request our client can make.
    private static async Task<byte[]> RecordAsync(NbdFixture fixture)
    {
        await using var proxy = new RecordingNbdProxy(fixture.EndPoint);
        var options = new NbdClientOptions { Export = "disk", MetaContexts = [NbdExtent.BaseAllocation] };
        await using (var client = await NbdClient.ConnectAsync(proxy.EndPoint, options, Ct))
        {
            await client.WriteAsync(4096, new byte[2000], fua: true, Ct);
            await client.ReadAsync(0, new byte[8192], Ct);
            await client.ZeroAsync(0, 4096, NbdZeroFlags.NoHole, Ct);
            await client.TrimAsync(8192, 4096, fua: false, Ct);
            await client.CacheAsync(0, 4096, Ct);
            await client.FlushAsync(Ct);
            await client.BlockStatusAsync(NbdExtent.BaseAllocation, 0, Size, Ct);
        }
        await proxy.Ended;
        return proxy.FromClient;
    }

    // What our client never says.
    private static byte[] Handcrafted() =>
    [
        .. ClientFlags(3), .. Option(OptList), .. Option(OptInfo, [.. Name("disk"), .. U16(2), .. U16(1), .. U16(3)]),
        .. MetaContext(OptListMetaContext, "disk"), .. MetaContext(OptListMetaContext, "disk", "base:", "qemu:"),
        .. Option(OptStartTls), .. Option(OptStructuredReply), .. Option(OptExportName, [.. "disk"u8]),
        .. Request(CmdRead, 1, 0, 65536, flags: 4), .. Request(CmdWrite, 2, 0, 40_000, payload: new byte[40_000]),
        .. Request(CmdWrite, 3, 0, 512, payload: new byte[512]), .. Request(CmdZero, 4, 0, 4096, flags: 16 | 2 | 1),
        .. Request(CmdRead, 5, 0, Size), .. Request(CmdDisc, 6, 0, 0),
    ];

    private static async Task AssertServesAsync(NbdFixture fixture, string where)
    {
        await using var client = await fixture.ConnectAsync(Ct);
        var data = new byte[] { 1, 2, 3 };
        await client.WriteAsync(100, data, fua: false, Ct);
        var back = new byte[3];
        await client.ReadAsync(100, back, Ct);
        Assert.True(back.SequenceEqual(data), where);
    }

    /// <summary>Says if it was ever asked for anything outside of itself.</summary>
    private sealed class GuardedExport(int size) : INbdExport
    {
        private readonly MemoryExport _inner = new("disk", size);

        public string? Broken { get; private set; }

        public NbdExportInfo Info => _inner.Info;

        public NbdError Read(long offset, Span<byte> buffer) =>
            Guard(offset, buffer.Length) ?? _inner.Read(offset, buffer);

        public NbdError Write(long offset, ReadOnlySpan<byte> data, bool fua) =>
            Guard(offset, data.Length) ?? _inner.Write(offset, data, fua);

        public NbdError Zero(long offset, long length, NbdZeroFlags flags) =>
            Guard(offset, length) ?? _inner.Zero(offset, length, flags);

        public NbdError Trim(long offset, long length, bool fua) =>
            Guard(offset, length) ?? _inner.Trim(offset, length, fua);

        public NbdError Cache(long offset, long length) => Guard(offset, length) ?? NbdError.None;

        public NbdError BlockStatus(string context, long offset, long length, NbdExtents extents) =>
            Guard(offset, length) ?? _inner.BlockStatus(context, offset, length, extents);

        private NbdError? Guard(long offset, long length)
        {
            if (offset >= 0 && length > 0 && offset <= size && length <= size - offset)
                return null;
            Broken ??= $"{offset}+{length}";
            return NbdError.Io;
        }
    }
}
