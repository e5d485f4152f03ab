// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Lifeboat.Agent.Linking;
using Lifeboat.Protection.Links;
using Lifeboat.Replication;
using Lifeboat.Replication.Linking;
using Lifeboat.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Agent;

public sealed class TlsLinkTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Paired_sites_exchange_messages_of_every_size()
    {
        using LinkCertificates a = new("site-a"), b = new("site-b");
        a.Trust(b);
        b.Trust(a);
        await using var listener = Listen(b, EchoAsync);
        await using var link = await ConnectAsync(a, listener, "site-b");

        Assert.Equal("site-b", link.PeerSite);
        foreach (var size in new[] { 0, 1, 3, 70_000, 300_000, ILinkConnection.MessageMax, 17 })
        {
            var message = new byte[size];
            new Random(size).NextBytes(message);
            await link.SendAsync(message, None);
            var echo = await link.ReceiveAsync(None);
            Assert.True(echo!.Value.Span.SequenceEqual(message), $"a message of {size} bytes came back changed");
        }
    }

    /// <summary>Whatever goes whole or in parts, and wherever it is put: what comes is what was sent.</summary>
    [Fact]
    public async Task Messages_in_two_parts_and_whole_ones_come_in_their_order()
    {
        using LinkCertificates a = new("site-a"), b = new("site-b");
        a.Trust(b);
        b.Trust(a);
        await using var listener = Listen(b, EchoAsync);
        await using var link = (ITwoPartConnection)await ConnectAsync(a, listener, "site-b");
        var prng = new Prng(5);
        var sent = Enumerable.Range(0, 200).Select(i => prng.Bytes((int)prng.Next(1, i % 3 == 0 ? 200 : 400_000)))
            .ToArray();
        var sending = Task.Run(async () =>
        {
            foreach (var message in sent)
            {
                var head = message.AsMemory(0, Math.Min(message.Length, (int)prng.Next(1, 100)));
                if (prng.Chance(0.5)) await link.SendAsync(head, message.AsMemory(head.Length), None);
                else await link.SendAsync(message, None);
            }
        });
        var (room, placed) = (new byte[500_000], 0);
        foreach (var message in sent)
        {
            var came = (await link.ReceiveAsync((head, length) =>
            {
                Assert.Equal(message.Length, head.Length + length);
                return message[0] % 4 == 0 ? default : room.AsMemory(message[0], length);
            }, None))!.Value;
            if (!came.Body.IsEmpty) placed++;
            Assert.True(message.AsSpan().SequenceEqual((byte[])[.. came.Head.Span, .. came.Body.Span]));
        }
        await sending;
        Assert.InRange(placed, 1, sent.Length);
    }

    [Fact]
    public async Task A_peer_that_closes_in_an_orderly_way_is_the_end_and_no_error()
    {
        using LinkCertificates a = new("site-a"), b = new("site-b");
        a.Trust(b);
        b.Trust(a);
        await using var listener = Listen(b, (_, _) => Task.CompletedTask);
        await using var link = await ConnectAsync(a, listener, "site-b");

        Assert.Null(await link.ReceiveAsync(None));
    }

    [Fact]
    public async Task The_site_that_answers_must_be_the_one_that_was_meant()
    {
        using LinkCertificates a = new("site-a"), b = new("site-b");
        a.Trust(b);
        b.Trust(a);
        await using var listener = Listen(b, EchoAsync);

        await AssertRefusedAsync(() => ConnectAsync(a, listener, "site-c"), "not of 'site-c'");
    }

    [Fact]
    public async Task A_site_of_the_same_name_with_another_ca_is_refused_by_both_sides()
    {
        using LinkCertificates a = new("site-a"), b = new("site-b"), falseA = new("site-a"), falseB = new("site-b");
        a.Trust(b);
        b.Trust(a);
        falseA.Trust(b);
        await using var listener = Listen(b, EchoAsync);
        await AssertRefusedAsync(() => ConnectAsync(falseA, listener, "site-b"), "refused this site's certificate");

        falseB.Trust(a);
        await using var impostor = Listen(falseB, EchoAsync);
        await AssertRefusedAsync(() => ConnectAsync(a, impostor, "site-b"), "does not come from the CA");
    }

    [Fact]
    public async Task Unpairing_takes_effect_with_the_next_connection()
    {
        using LinkCertificates a = new("site-a"), b = new("site-b");
        a.Trust(b);
        b.Trust(a);
        await using var listener = Listen(b, EchoAsync);
        await (await ConnectAsync(a, listener, "site-b")).DisposeAsync();

        File.Delete(b.Paths.TrustAnchor("site-a"));

        await AssertRefusedAsync(() => ConnectAsync(a, listener, "site-b"), "refused this site's certificate");
    }

    [Fact]
    public async Task A_controllers_certificate_does_not_make_an_agent()
    {
        using LinkCertificates a = new("site-a", role: "controller"), b = new("site-b");
        a.Trust(b);
        b.Trust(a);
        await using var listener = Listen(b, EchoAsync);

        await AssertRefusedAsync(() => ConnectAsync(a, listener, "site-b"), "refused this site's certificate");
    }

    [Fact]
    public async Task Sites_of_one_release_speak_the_newest_version()
    {
        using LinkCertificates a = new("site-a"), b = new("site-b");
        a.Trust(b);
        b.Trust(a);
        var versions = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var listener = Listen(b, (c, _) =>
        {
            versions.TrySetResult(c.Version);
            return Task.CompletedTask;
        });
        await using var link = await ConnectAsync(a, listener, "site-b");

        Assert.Equal(ILinkConnection.VersionNewest, link.Version);
        Assert.Equal(ILinkConnection.VersionNewest, await versions.Task);
    }

    // A client of the release before offers only its own version, and expects to be welcomed by that name.
    [Fact]
    public async Task A_site_of_the_release_before_is_spoken_to_in_its_version()
    {
        using LinkCertificates a = new("site-a"), b = new("site-b");
        a.Trust(b);
        b.Trust(a);
        await using var listener = Listen(b, EchoAsync);
        using var client = new TcpClient();
        await client.ConnectAsync(listener.Address);
        await using var tls = new SslStream(client.GetStream());
        var options = new LinkIdentity(a.Paths, TimeProvider.System).ClientOptions("site-b", new LinkVerdict());
        options.ApplicationProtocols = [LinkIdentity.Protocol(1)];
        await tls.AuthenticateAsClientAsync(options, None);
        var welcome = new byte[4 + "lifeboat-link/1".Length];
        await tls.ReadExactlyAsync(welcome, None);

        Assert.Equal("lifeboat-link/1", Encoding.ASCII.GetString(welcome[4..]));
    }

    [Fact]
    public async Task A_site_that_speaks_none_of_our_versions_is_told_in_the_handshake()
    {
        using LinkCertificates a = new("site-a"), b = new("site-b");
        a.Trust(b);
        b.Trust(a);
        await using var listener = Listen(b, EchoAsync);
        using var client = new TcpClient();
        await client.ConnectAsync(listener.Address);
        await using var tls = new SslStream(client.GetStream());
        var options = new LinkIdentity(a.Paths, TimeProvider.System).ClientOptions("site-b", new LinkVerdict());
        options.ApplicationProtocols = [LinkIdentity.Protocol(99)];

        await Assert.ThrowsAsync<AuthenticationException>(() => tls.AuthenticateAsClientAsync(options, None));
    }

    // Real sockets: the kernel goes on acknowledging for a proxy that reads no more, so nothing but our own keepalive
    // can notice. Both ends must, in DeadAfter; the bound is for a busy machine.
    [Fact]
    public async Task A_half_open_connection_is_noticed_at_both_ends_while_one_of_them_sends()
    {
        using LinkCertificates a = new("site-a"), b = new("site-b");
        a.Trust(b);
        b.Trust(a);
        var timings = new LinkTimings
        {
            PingInterval = TimeSpan.FromMilliseconds(500), DeadAfter = TimeSpan.FromSeconds(3),
        };
        var server = new TaskCompletionSource<LinkException>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var listener = Listen(b, async (c, ct) => server.TrySetResult(await EndAsync(c, timings, ct)));
        await using var proxy = new StalledProxy(listener.Address);
        await using var link = await new TlsLink(a.Paths, TimeProvider.System)
            .ConnectAsync(proxy.Address, "site-b", LinkPath.Any, None);
        var client = EndAsync(link, timings, None);
        await Task.Delay(TimeSpan.FromSeconds(4), None);
        Assert.False(client.IsCompleted || server.Task.IsCompleted, "a quiet connection is no dead one");

        proxy.Stall();

        var bound = TimeSpan.FromSeconds(60);
        Assert.Contains("nothing heard", (await client.WaitAsync(bound, None)).Message);
        Assert.Contains("nothing heard", (await server.Task.WaitAsync(bound, None)).Message);
    }

    [Fact]
    public async Task Nobody_there_is_unreachable()
    {
        using LinkCertificates a = new("site-a");

        var gone = await Assert.ThrowsAsync<LinkException>(
            () => new TlsLink(a.Paths, TimeProvider.System).ConnectAsync("127.0.0.1:1", "site-b", LinkPath.Any, None));

        Assert.Equal(LinkFault.Unreachable, gone.Fault);
    }

    [Fact]
    public async Task Garbage_instead_of_a_handshake_harms_nobody_else()
    {
        using LinkCertificates a = new("site-a"), b = new("site-b");
        a.Trust(b);
        b.Trust(a);
        await using var listener = Listen(b, EchoAsync);
        using var garbage = new TcpClient();
        await garbage.ConnectAsync(listener.Address);
        await garbage.GetStream().WriteAsync("GET / HTTP/1.0\r\n\r\n"u8.ToArray());

        await using var link = await ConnectAsync(a, listener, "site-b");
        await link.SendAsync(new byte[] { 7 }, None);

        Assert.Equal(7, (await link.ReceiveAsync(None))!.Value.Span[0]);
    }

    // Keeps alive and reads what comes, as a session does, until the connection is found dead.
    private static async Task<LinkException> EndAsync(
        ILinkConnection connection, LinkTimings timings, CancellationToken ct)
    {
        var pump = new LinkPump(connection, timings, TimeProvider.System, new Signal());
        return await Assert.ThrowsAsync<LinkException>(() => Together.RunAsync(ct,
            t => Together.ForeverAsync<bool>(s => pump.SendAllAsync(null, s), t),
            t => Together.ForeverAsync<bool>(pump.KeepAliveAsync, t),
            async t => await pump.ReceiveAsync(t) is not null));
    }

    private static LinkListener Listen(LinkCertificates site, Func<ILinkConnection, CancellationToken, Task> serve) =>
        LinkListener.Listen(new IPEndPoint(IPAddress.Loopback, 0), site.Paths, serve, TimeProvider.System,
            NullLogger<LinkListener>.Instance);

    private static Task<ILinkConnection> ConnectAsync(LinkCertificates site, LinkListener listener, string expected) =>
        new TlsLink(site.Paths, TimeProvider.System)
            .ConnectAsync(listener.Address.ToString(), expected, LinkPath.Any, None);

    private static async Task EchoAsync(ILinkConnection connection, CancellationToken ct)
    {
        while (await connection.ReceiveAsync(ct) is { } message) await connection.SendAsync(message.ToArray(), ct);
    }

    private static async Task AssertRefusedAsync(Func<Task> connect, string because)
    {
        var refused = await Assert.ThrowsAsync<LinkException>(connect);
        Assert.Equal(LinkFault.CertificateRefused, refused.Fault);
        Assert.Contains(because, refused.Message);
    }
}
