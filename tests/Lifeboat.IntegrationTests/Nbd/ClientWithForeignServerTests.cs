// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Nbd;
using Lifeboat.Testing;

namespace Lifeboat.IntegrationTests.Nbd;

/// <summary>Our client against nbdkit and qemu-nbd.</summary>
public sealed class ClientWithForeignServerTests
{
    private const int Mebibyte = 1024 * 1024;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("structured")]
    [InlineData("simple", "--no-sr")]
    [InlineData("neither GO nor structure", "--mask-handshake=0")]
    public async Task Nbdkit_takes_every_request(string how, params string[] arguments)
    {
        await using var server = await ForeignServer.NbdkitAsync([.. arguments, "memory", "64M"]);
        await using var client = await ConnectAsync(server, "");
        var data = new Prng(1).Bytes(5 * Mebibyte);

        await client.WriteAsync(1000, data, fua: client.Info.CanFua, Ct);
        await client.ZeroAsync(2000, 1000, NbdZeroFlags.NoHole, Ct);
        await client.TrimAsync(Mebibyte, Mebibyte, fua: false, Ct);
        await client.FlushAsync(Ct);
        var back = new byte[data.Length];
        await client.ReadAsync(1000, back, Ct);

        data.AsSpan(1000, 1000).Clear();
        data.AsSpan(Mebibyte - 1000, Mebibyte).Clear();
        Assert.True(back.AsSpan().SequenceEqual(data), how);
        Assert.Equal(how == "structured", client.StructuredReplies);
    }

    [Fact]
    public async Task Many_requests_in_flight_to_nbdkit_do_not_mix()
    {
        await using var server = await ForeignServer.NbdkitAsync("memory", "64M");
        await using var client = await ConnectAsync(server, "");
        await Parallel.ForAsync(0, 200, new ParallelOptions { CancellationToken = Ct, MaxDegreeOfParallelism = 32 },
            async (i, ct) =>
            {
                var data = new Prng((ulong)i).Bytes(1 + i * 1000);
                await client.WriteAsync(i * 300_000L, data, fua: false, ct);
                var back = new byte[data.Length];
                await client.ReadAsync(i * 300_000L, back, ct);
                Assert.True(back.SequenceEqual(data), $"request {i}");
            });
    }

    [Fact]
    public async Task An_error_of_nbdkit_fails_one_request_only()
    {
        await using var server = await ForeignServer.NbdkitAsync("eval", "get_size=echo 1M",
            "pread=if [ $4 = 0 ]; then echo ENOSPC full >&2; exit 1; fi; dd if=/dev/zero count=$3 iflag=count_bytes");
        await using var client = await ConnectAsync(server, "");

        var failure = await Assert.ThrowsAsync<NbdException>(() => client.ReadAsync(0, new byte[512], Ct));
        await client.ReadAsync(4096, new byte[512], Ct);

        Assert.Equal(NbdFault.RequestFailed, failure.Fault);
        Assert.NotEqual(NbdError.None, failure.Error);
    }

    [Fact]
    public async Task When_the_server_dies_everything_in_flight_ends()
    {
        await using var server = await ForeignServer.NbdkitAsync("--filter=delay", "memory", "1M", "rdelay=60");
        await using var client = await ConnectAsync(server, "");
        var reads = Enumerable.Range(0, 8).Select(i => client.ReadAsync(i * 512, new byte[512], Ct)).ToList();

        server.Kill();

        foreach (var read in reads)
        {
            var failure = await Assert.ThrowsAsync<NbdException>(() => read).WaitAsync(TimeSpan.FromSeconds(10), Ct);
            Assert.Equal(NbdFault.ConnectionLost, failure.Fault);
        }
    }

    [Fact]
    public async Task Nobody_there_is_a_connect_failure()
    {
        await using var server = new ForeignServer();

        var failure = await Assert.ThrowsAsync<NbdException>(() => ConnectAsync(server, ""));

        Assert.Equal(NbdFault.ConnectFailed, failure.Fault);
    }

    [Fact]
    public async Task Qemu_tells_which_extents_a_dirty_bitmap_holds()
    {
        await using var server = new ForeignServer();
        var image = server.File("disk.qcow2");
        (await Tool.RunAsync("qemu-img", "create", "-f", "qcow2", image, "64M")).Succeeded();
        (await Tool.RunAsync("qemu-io", "-c", "write -P 1 8M 1M", image)).Succeeded();
        (await Tool.RunAsync("qemu-img", "bitmap", "--add", "-g", "65536", image, "gap")).Succeeded();
        (await Tool.RunAsync("qemu-io", "-c", "write -P 2 1M 64k", "-c", "write -P 3 40M 128k", image)).Succeeded();
        (await Tool.RunAsync("qemu-img", "bitmap", "--disable", image, "gap")).Succeeded();
        await server.StartAsync("qemu-nbd", "-r", "-t", "-e", "4", "-f", "qcow2", "-B", "gap", "-x", "pull",
            "-k", server.EndPoint.ToString(), image);
        const string Gap = NbdExtent.DirtyBitmapPrefix + "gap";
        await using var client = await ConnectAsync(server, "pull", NbdExtent.BaseAllocation, Gap, "qemu:unknown");

        var dirty = await client.BlockStatusAsync(Gap, 0, 64 * Mebibyte, Ct);
        var allocated = await client.BlockStatusAsync(NbdExtent.BaseAllocation, 0, 64 * Mebibyte, Ct);
        var changed = new byte[64 * 1024];
        await client.ReadAsync(Mebibyte, changed, Ct);

        Assert.Equal([NbdExtent.BaseAllocation, Gap], client.MetaContexts);
        Assert.True(client.Info.ReadOnly);
        Assert.Equal([new(Mebibyte, 0), new(65536, NbdExtent.Dirty), new(39 * Mebibyte - 65536, 0),
            new(131072, NbdExtent.Dirty), new(24 * Mebibyte - 131072, 0)], dirty);
        var data = allocated.Where(e => (e.Flags & NbdExtent.Hole) == 0);
        Assert.Equal(Mebibyte + 65536 + 131072, data.Sum(e => e.Length));
        Assert.Equal(Enumerable.Repeat((byte)2, 64 * 1024), changed);
        var listed = await NbdClient.ListAsync(server.EndPoint, new NbdClientOptions(), Ct);
        Assert.Equal(["pull"], listed.Select(e => e.Name));
    }

    private static Task<NbdClient> ConnectAsync(ForeignServer server, string export, params string[] contexts) =>
        NbdClient.ConnectAsync(server.EndPoint, new() { Export = export, MetaContexts = contexts }, Ct);
}
