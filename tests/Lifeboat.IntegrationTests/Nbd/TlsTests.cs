// SPDX-License-Identifier: Apache-2.0
using System.Net;
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
        private readonly NbdServer _server;

        public House(NbdTlsMode mode)
        {
            Certificates = new NbdCertificates(Path.Combine(Folder.FullName, "pki"), TimeProvider.System);
            var options = new NbdServerOptions { TlsMode = mode, Tls = Certificates.ForServer, OnClosed = Closed.Add };
            var exports = new NbdExports(new MemoryExport("disk", Size));
            _server = NbdServer.Listen(new IPEndPoint(IPAddress.Loopback, 0), exports, options);
        }

        public DirectoryInfo Folder { get; } = Directory.CreateTempSubdirectory("lifeboat-nbd-");

        public System.Collections.Concurrent.BlockingCollection<NbdConnectionClosed> Closed { get; } = [];

        public NbdCertificates Certificates { get; }

        public IPEndPoint EndPoint => (IPEndPoint)_server.LocalEndPoint;

        public NbdClientOptions WithTls => new() { Export = "disk", Tls = Certificates.ForClient };

        public async ValueTask DisposeAsync()
        {
            await _server.DisposeAsync();
            Certificates.Dispose();
            Folder.Delete(recursive: true);
        }
    }
}
