// SPDX-License-Identifier: Apache-2.0
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Access;

/// <summary>How the makers of foreign tokens are reached.</summary>
internal static class IdentityHttp
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <param name="caFile">Null: the system's CAs.</param>
    public static HttpClient Client(string? caFile)
    {
        var options = new SslClientAuthenticationOptions();
        if (caFile is not null)
        {
            options.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            options.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile(caFile);
        }
        return new HttpClient(new SocketsHttpHandler
        {
            SslOptions = options,
            AllowAutoRedirect = false,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        })
        {
            Timeout = Limit,
            MaxResponseContentBufferSize = 1 << 20,
        };
    }

    public static ProblemException Unavailable(string who, Exception cause) => new(ReasonCode.IdentityUnavailable,
        $"{who} cannot be asked whose token this is", $"{cause.Message} Tokens of this site's own work on.",
        cause: cause);
}
