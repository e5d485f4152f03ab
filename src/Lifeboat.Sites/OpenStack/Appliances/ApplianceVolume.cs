// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Lifeboat.Nbd;
using Lifeboat.Sites.OpenStack.Filling;

namespace Lifeboat.Sites.OpenStack.Appliances;

/// <summary>
/// A volume that is in an appliance, opened there: NBD over TLS 1.3, each side with a certificate that the other one
/// knows.
/// </summary>
internal sealed class ApplianceVolume : IOpenVolume
{
    /// <summary>What a cloud tells a virtio disk of its volume's id, and so the name of the export.</summary>
    private const int SerialLength = 20;
    private static readonly TimeSpan HandshakeLimit = TimeSpan.FromSeconds(20);

    private readonly NbdClient _client;
    private readonly string _volume;

    private ApplianceVolume(NbdClient client, string volume) => (_client, _volume) = (client, volume);

    public long SizeBytes => _client.Info.Size;

    /// <param name="fingerprint">SHA-256 of its certificate, from its console.</param>
    /// <exception cref="SiteException">CloudUnavailable: it does not answer, or has no such volume (yet), or is not the
    /// one that is meant; Refused: the volume is too short.</exception>
    public static async Task<ApplianceVolume> OpenAsync(IPEndPoint at, string fingerprint, X509Certificate2 own,
        string volume, long sizeBytes, TimeProvider time, CancellationToken ct)
    {
        var options = new NbdClientOptions
        {
            Export = volume[..SerialLength],
            Tls = new SslClientAuthenticationOptions
            {
                TargetHost = "lifeboat-appliance",
                ClientCertificateContext = SslStreamCertificateContext.Create(own, null, offline: true),
                EnabledSslProtocols = SslProtocols.Tls13,
                CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                RemoteCertificateValidationCallback = (_, shown, _, _) => shown is X509Certificate2 certificate
                    && Convert.ToHexStringLower(SHA256.HashData(certificate.RawData)) == fingerprint,
            },
            HandshakeTimeout = HandshakeLimit,
            InFlightMax = 16,
            Time = time,
        };
        NbdClient client;
        try
        {
            client = await NbdClient.ConnectAsync(at, options, ct);
        }
        catch (NbdException e)
        {
            throw new SiteException(SiteFault.CloudUnavailable, $"appliance at {at}, volume {volume}: {e.Message}", e);
        }
        if (client.Info.Size >= sizeBytes && client.Info is { CanFlush: true, CanZero: true, ReadOnly: false })
            return new ApplianceVolume(client, volume);
        await client.DisposeAsync();
        throw new SiteException(SiteFault.Refused, $"volume {volume} has {client.Info.Size} bytes in the appliance at "
            + $"{at}, {sizeBytes} are needed");
    }

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct) =>
        new(AskAsync(() => _client.WriteAsync(offset, data, fua: false, ct)));

    public ValueTask ZeroAsync(long offset, long length, CancellationToken ct) =>
        new(AskAsync(() => _client.ZeroAsync(offset, length, NbdZeroFlags.None, ct)));

    public ValueTask FlushAsync(CancellationToken ct) => new(AskAsync(() => _client.FlushAsync(ct)));

    public ValueTask DisposeAsync() => _client.DisposeAsync();

    private async Task AskAsync(Func<Task> ask)
    {
        try
        {
            await ask();
        }
        catch (NbdException e)
        {
            // An error of the device is one of a volume that was taken out, as well as one of its storage.
            throw new SiteException(e switch
            {
                { Fault: NbdFault.RequestFailed, Error: NbdError.NoSpace } => SiteFault.NoSpace,
                { Fault: NbdFault.InvalidRequest } => SiteFault.Refused,
                _ => SiteFault.CloudUnavailable,
            }, $"volume {_volume}, through its appliance: {e.Message}", e);
        }
    }
}
