// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Links;
using Lifeboat.Replication.Linking;

namespace Lifeboat.Agent.Linking;

/// <summary>Reaches another site's agent: TCP, TLS 1.3, certificates on both sides.</summary>
internal sealed class TlsLink(SitePaths paths, TimeProvider time) : ILink
{
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(10);
    private readonly LinkIdentity _identity = new(paths, time);

    public async Task<ILinkConnection> ConnectAsync(
        string target, string expectedSite, LinkPath path, CancellationToken ct)
    {
        var colon = target.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(target.AsSpan(colon + 1), out var port))
            throw new LinkException(LinkFault.Unreachable, $"'{target}' is not host:port");
        // Cancelled by the caller (ct) or by the limit; the latter means that nobody is there.
        using var late = new CancellationTokenSource(ConnectLimit, time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, late.Token);
        var socket = path.Address is { } local
            ? new Socket(local.AddressFamily, SocketType.Stream, ProtocolType.Tcp)
            : new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            LinkSocket.Tune(socket);
            if (path.Device is { } device) LinkSocket.BindToDevice(socket, device);
            if (path.Address is { } address) socket.Bind(new IPEndPoint(address, 0));
            await socket.ConnectAsync(target[..colon].Trim('[', ']'), port, any.Token);
            return await GreetAsync(socket, target, expectedSite, any.Token);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            var from = path == LinkPath.Any ? "" : $" over {path}";
            throw new LinkException(LinkFault.Unreachable, $"{target}{from}: {e.Message}", e);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            socket.Dispose();
            throw new LinkException(LinkFault.Unreachable,
                $"{target} did not answer within {ConnectLimit.TotalSeconds:0} s", e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    // In TLS 1.3 our handshake is done before the peer has looked at our certificate. Its welcome says that it has.
    private async Task<ILinkConnection> GreetAsync(
        Socket socket, string target, string expectedSite, CancellationToken ct)
    {
        var verdict = new LinkVerdict();
        var wire = new LinkStream(socket);
        var stream = new SslStream(wire);
        try
        {
            await stream.AuthenticateAsClientAsync(_identity.ClientOptions(expectedSite, verdict), ct);
        }
        catch (Exception e) when (e is AuthenticationException or IOException)
        {
            throw verdict.Refusal is { } refusal
                ? new LinkException(LinkFault.CertificateRefused, $"{target}: we refused its certificate: {refusal}", e)
                : new LinkException(LinkFault.Protocol, $"{target} did not agree on TLS: {e.Message}", e);
        }
        var version = LinkIdentity.VersionOf(stream);
        var protocol = LinkIdentity.Protocol(version);
        var connection = new TlsConnection(stream, wire, socket, verdict.Site!, version);
        LinkException? cause = null;
        try
        {
            if (await connection.ReceiveAsync(ct) is { } welcome)
                return welcome.Span.SequenceEqual(protocol.Protocol.Span)
                    ? connection
                    : throw new LinkException(LinkFault.Protocol, $"{target} does not speak {protocol}");
        }
        catch (LinkException e) when (e.Fault == LinkFault.Broken)
        {
            cause = e;
        }
        throw new LinkException(LinkFault.CertificateRefused,
            $"{target} ({expectedSite}) refused this site's certificate: is it paired with us?", cause);
    }
}
