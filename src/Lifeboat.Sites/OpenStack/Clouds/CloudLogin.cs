// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.OpenStack.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Sites.OpenStack.Clouds;

/// <summary>
/// How a user of a cloud reaches the Lifeboat that serves it: where the catalogue has a service of the type
/// `disaster-recovery`, with a token that `clouds.yaml` lets take.
/// </summary>
/// <param name="Url">Scheme, host and port.</param>
/// <param name="CaFile">PEM file of the site's CA (`disaster_recovery_cacert`); null: its fingerprint is
/// known.</param>
/// <param name="Fingerprint">SHA-256 of that certificate, hex (`disaster_recovery_fingerprint`).</param>
public sealed record CloudLogin(Uri Url, string Token, string? CaFile, string? Fingerprint)
{
    /// <param name="cloud">Its name in `clouds.yaml`, which is looked for as openstacksdk does.</param>
    /// <exception cref="SiteException">Refused: `clouds.yaml` has faults, or the catalogue no such service;
    /// CloudUnavailable, CloudUnauthorised.</exception>
    public static async Task<CloudLogin> TakeAsync(string cloud, TimeProvider time, CancellationToken ct)
    {
        var settings = CloudsFile.Read(CloudsSearch.OfThisProcess(null), cloud);
        if (settings.RecoveryCaFile is null == settings.RecoveryFingerprint is null)
            throw new SiteException(SiteFault.Refused, $"clouds.{cloud}: one of disaster_recovery_cacert (PEM file) and "
                + "disaster_recovery_fingerprint (SHA-256 of the CA of the Lifeboat site, see `lifeboat site get`) is "
                + "needed: its certificate is of a CA of its own");
        using var session = new CloudSession(settings, null, CloudHttpOptions.Default, time,
            NullLoggerFactory.Instance);
        try
        {
            var token = await session.TokenAsync(ct);
            var endpoint = token.Catalog.Endpoint(CloudApi.DisasterRecovery, settings);
            return new CloudLogin(new Uri(endpoint.GetLeftPart(UriPartial.Authority)), token.Value,
                settings.RecoveryCaFile, settings.RecoveryFingerprint);
        }
        catch (CloudException e)
        {
            throw e.ToSite();
        }
    }
}
