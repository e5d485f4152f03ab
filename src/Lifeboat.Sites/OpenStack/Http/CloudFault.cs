// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Http;

/// <summary>Why a cloud did not do what it was asked for. Callers decide by this, never by text.</summary>
internal enum CloudFault
{
    Unreachable = 1,
    CertificateRefused = 2,
    Timeout = 3,
    Unauthorised = 4,
    Forbidden = 5,
    NotFound = 6,
    Conflict = 7,
    QuotaExceeded = 8,
    /// <summary>Too many requests in a short time.</summary>
    OverLimit = 9,
    NoValidHost = 10,
    /// <summary>The request itself is wrong for this cloud.</summary>
    Refused = 11,
    ServiceFailed = 12,
    ServiceDown = 13,
    VersionTooOld = 14,
    /// <summary>The catalogue has no such service, region or interface.</summary>
    ServiceMissing = 15,
    BuildFailed = 16,
    /// <summary>An IP or MAC address that was asked for is somebody's already.</summary>
    AddressTaken = 17,
    /// <summary>A subnet or a floating pool has none left.</summary>
    AddressesUsedUp = 18,
    /// <summary>An answer that is not as the API's reference says.</summary>
    Strange = 19,
    /// <summary>The cloud answers, and what it was asked for is still not done.</summary>
    TooSlow = 20,
}

/// <param name="cause">What was below, if anything.</param>
internal sealed class CloudException(CloudFault fault, string message, Exception? cause = null)
    : Exception(message, cause)
{
    public CloudFault Fault => fault;
    /// <summary>The HTTP status, when there was an answer.</summary>
    public int? Status { get; init; }
    /// <summary>As the cloud's operators find it in their logs.</summary>
    public string? RequestId { get; init; }

    /// <summary>It is not known whether a change was made: the answer was lost, or the service failed in the
    /// middle.</summary>
    public bool MaybeDone { get; init; }

    /// <summary>The same request may succeed later, with nothing changed by anybody.</summary>
    public bool WorthRetrying => fault is CloudFault.Unreachable or CloudFault.Timeout or CloudFault.OverLimit
        or CloudFault.ServiceFailed or CloudFault.ServiceDown;

    /// <summary>As a site driver tells it.</summary>
    public SiteException ToSite() => new(fault switch
    {
        CloudFault.Unreachable or CloudFault.CertificateRefused or CloudFault.OverLimit or CloudFault.ServiceDown
            or CloudFault.ServiceFailed or CloudFault.Strange or CloudFault.Timeout => SiteFault.CloudUnavailable,
        CloudFault.TooSlow => SiteFault.Timeout,
        CloudFault.Unauthorised => SiteFault.CloudUnauthorised,
        CloudFault.QuotaExceeded or CloudFault.AddressesUsedUp => SiteFault.QuotaExceeded,
        CloudFault.NoValidHost => SiteFault.NoRoom,
        CloudFault.BuildFailed => SiteFault.BuildFailed,
        CloudFault.Forbidden or CloudFault.NotFound or CloudFault.Conflict or CloudFault.Refused
            or CloudFault.VersionTooOld or CloudFault.ServiceMissing or CloudFault.AddressTaken => SiteFault.Refused,
    }, Message, this);
}
