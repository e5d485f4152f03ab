// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Lifeboat.Nbd;
using Lifeboat.Testing;
using Lifeboat.Testing.Nbd;

namespace Lifeboat.IntegrationTests.Nbd;

/// <summary>TLS with certificates on both sides: ours with ours, and with the GnuTLS of others.</summary>
public sealed class TlsTests
{
    private const long Size = 8 * 1024 * 1024;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Ours_with_ours_over_tcp()
    {
        await using var house = new House(NbdTlsMode.Required);
        await using var client = await NbdClient.ConnectAsync(house.EndPoint, house.WithTls, Ct);
        var data = new Prng(5).Bytes(3 * 1024 * 1024);

        await client.WriteAsync(77, data, fua: true, Ct);
        var back = new byte[data.Length];
        await client.ReadAsync(77, back, Ct);

        Assert.True(back.AsSpan().SequenceEqual(data));
    }

    [Fact]
    public async Task Nothing_is_said_in_clear_where_tls_is_required()
    {
        await using var house = new House(NbdTlsMode.Required);

        var choose = await Assert.ThrowsAsync<NbdException>(
            () => NbdClient.ConnectAsync(house.EndPoint, new() { Export = "disk" }, Ct));
        var list = await Assert.ThrowsAsync<NbdException>(() => NbdClient.ListAsync(house.EndPoint, new(), Ct));

        Assert.Equal((NbdFault.Rejected, NbdFault.Rejected), (choose.Fault, list.Fault));
    }

    [Fact]
    public async Task A_client_that_wants_tls_never_goes_on_without()
    {
        await using var house = new House(NbdTlsMode.Off);

        var failure = await Assert.ThrowsAsync<NbdException>(
            () => NbdClient.ConnectAsync(house.EndPoint, house.WithTls, Ct));

        Assert.Equal(NbdFault.Rejected, failure.Fault);
    }

    [Fact]
    public async Task A_foreign_authority_is_refused_on_both_sides()
    {
        await using var house = new House(NbdTlsMode.Required);
        await using var stranger = new House(NbdTlsMode.Required);
        var asStranger = house.WithTls with { Tls = stranger.Certificates.ForClient };

        var failure = await Assert.ThrowsAsync<NbdException>(
            () => NbdClient.ConnectAsync(house.EndPoint, asStranger, Ct));

        Assert.Equal(NbdFault.TlsFailed, failure.Fault);
        Assert.True(house.Closed.TryTake(out var closed, TimeSpan.FromSeconds(10)));
        Assert.Equal(NbdFault.TlsFailed, closed.Fault);
    }

    [Fact]
    public async Task A_client_without_certificate_is_refused()
    {
        await using var house = new House(NbdTlsMode.Required);
        var tls = house.Certificates.ForClient;
        tls.ClientCertificates = null;

        await Assert.ThrowsAsync<NbdException>(
            () => NbdClient.ConnectAsync(house.EndPoint, house.WithTls with { Tls = tls }, Ct));

        Assert.True(house.Closed.TryTake(out var closed, TimeSpan.FromSeconds(10)));
        Assert.Equal(NbdFault.TlsFailed, closed.Fault);
    }

    [Fact]
    public async Task What_was_agreed_in_clear_is_forgotten_after_the_upgrade()
    {
        await using var house = new House(NbdTlsMode.Allowed);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(house.EndPoint, Ct);
        await using var clear = new NetworkStream(socket);
        await clear.ReadExactlyAsync(new byte[18], Ct);
        await clear.WriteAsync((byte[])[.. NbdBytes.ClientFlags(3), .. NbdBytes.Option(NbdBytes.OptStructuredReply),
            .. NbdBytes.Option(NbdBytes.OptStartTls)], Ct);
        await clear.ReadExactlyAsync(new byte[40], Ct);
        await using var tls = new SslStream(clear);
        await tls.AuthenticateAsClientAsync(house.Certificates.ForClient, Ct);

        await tls.WriteAsync(NbdBytes.MetaContext(NbdBytes.OptSetMetaContext, "disk", "base:allocation"), Ct);
        var reply = new byte[20];
        await tls.ReadExactlyAsync(reply, Ct);

        Assert.Equal(NbdBytes.U32(NbdBytes.ErrInvalid), reply[12..16]);
    }

    [Fact]
    public async Task Garbage_instead_of_tls_ends_the_connection()
    {
        await using var house = new House(NbdTlsMode.Required);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(house.EndPoint, Ct);
        await socket.SendAsync((byte[])[.. NbdBytes.ClientFlags(3), .. NbdBytes.Option(NbdBytes.OptStartTls),
            .. new Prng(9).Bytes(5000)], Ct);

        Assert.Equal(NbdFault.TlsFailed, house.Closed.Take(Ct).Fault);
    }

    [Fact]
    public async Task Closing_ends_a_tls_connection_at_once()
    {
        await using var house = new House(NbdTlsMode.Required);
        await using var client = await NbdClient.ConnectAsync(house.EndPoint, house.WithTls, Ct);

        await house.Server.CloseConnectionsAsync("disk", Ct).WaitAsync(TimeSpan.FromSeconds(5), Ct);

        await client.Ended.WaitAsync(TimeSpan.FromSeconds(5), Ct);
        Assert.Equal(NbdFault.Closed, house.Closed.Take(Ct).Fault);
    }

    [Fact]
    public async Task Qemu_img_speaks_tls_with_our_server()
    {
        await using var house = new House(NbdTlsMode.Required);
        var source = Path.Combine(house.Folder.FullName, "source");
        await File.WriteAllBytesAsync(source, new Prng(6).Bytes((int)Size), Ct);
        string[] credentials = ["--object", $"tls-creds-x509,id=tls0,endpoint=client,dir={house.Certificates.Folder}"];
        var image = $"driver=nbd,host=localhost,port={house.EndPoint.Port},export=disk,tls-creds=tls0";

        (await Tool.RunAsync("qemu-img", ["convert", .. credentials, "-n", "--target-image-opts", "-f", "raw",
            source, image])).Succeeded();
        (await Tool.RunAsync("qemu-img", ["compare", .. credentials, "--image-opts",
            $"driver=file,filename={source}", image])).Succeeded();
    }

    [Fact]
    public async Task Libnbd_speaks_tls_with_our_server()
    {
        await using var house = new House(NbdTlsMode.Required);

        var info = await Tool.RunAsync("nbdinfo", "--json",
            $"nbds://localhost:{house.EndPoint.Port}/disk?tls-certificates={house.Certificates.Folder}");

        Assert.Contains("\"TLS\": true", info.Succeeded(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Our_client_speaks_tls_with_nbdkit()
    {
        await using var house = new House(NbdTlsMode.Required);
        await using var server = await ForeignServer.NbdkitAsync("--tls=require", "--tls-verify-peer",
            $"--tls-certificates={house.Certificates.Folder}", "memory", "8M");
        await using var client = await NbdClient.ConnectAsync(server.EndPoint, house.WithTls with { Export = "" }, Ct);
        var data = new Prng(8).Bytes(1024 * 1024);

        await client.WriteAsync(0, data, fua: false, Ct);
        var back = new byte[data.Length];
        await client.ReadAsync(0, back, Ct);

        Assert.True(back.AsSpan().SequenceEqual(data));
    }

    /// <summary>A server on loopback TCP with certificates of its own authority.</summary>
    private sealed class House : IAsyncDisposable
    {
        public House(NbdTlsMode mode)
        {
            Certificates = new NbdCertificates(Path.Combine(Folder.FullName, "pki"), TimeProvider.System);
            var options = new NbdServerOptions { TlsMode = mode, Tls = Certificates.ForServer, OnClosed = Closed.Add };
            var exports = new NbdExports(new MemoryExport("disk", Size));
            Server = NbdServer.Listen(new IPEndPoint(IPAddress.Loopback, 0), exports, options);
        }

        public NbdServer Server { get; }

        public DirectoryInfo Folder { get; } = Directory.CreateTempSubdirectory("lifeboat-nbd-");

        public System.Collections.Concurrent.BlockingCollection<NbdConnectionClosed> Closed { get; } = [];

        public NbdCertificates Certificates { get; }

        public IPEndPoint EndPoint => (IPEndPoint)Server.LocalEndPoint;

        public NbdClientOptions WithTls => new() { Export = "disk", Tls = Certificates.ForClient };

        public async ValueTask DisposeAsync()
        {
            await Server.DisposeAsync();
            Certificates.Dispose();
            Folder.Delete(recursive: true);
        }
    }
}
