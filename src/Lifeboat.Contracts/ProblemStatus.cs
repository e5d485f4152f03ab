// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;

namespace Lifeboat.Contracts;

/// <summary>The HTTP status of a refused request, by its reason.</summary>
public static class ProblemStatus
{
    public static int Of(ReasonCode reason) => reason switch
    {
        ReasonCode.InvalidRequest or ReasonCode.Usage => 400,
        ReasonCode.NotAuthenticated or ReasonCode.TokenExpired => 401,
        ReasonCode.NotAllowed or ReasonCode.PairingTokenRefused or ReasonCode.CertificateRefused
            or ReasonCode.QuotaExceeded => 403,
        ReasonCode.GroupUnknown or ReasonCode.PointUnknown or ReasonCode.InstanceUnknown or ReasonCode.VolumeUnknown
            or ReasonCode.RunUnknown or ReasonCode.SiteUnknown or ReasonCode.NetworkUnknown
            or ReasonCode.HostUnknown or ReasonCode.PathUnknown or ReasonCode.OperationUnknown
            or ReasonCode.FollowUpUnknown or ReasonCode.PricesUnknown or ReasonCode.PolicyUnknown
            or ReasonCode.TenantUnknown or ReasonCode.UserUnknown or ReasonCode.TokenUnknown
            or ReasonCode.EvacuationUnknown or ReasonCode.ProjectUnknown => 404,
        ReasonCode.MethodNotAllowed => 405,
        ReasonCode.Conflict or ReasonCode.GroupExists or ReasonCode.InstanceExists or ReasonCode.RunInProgress
            or ReasonCode.WrongSite or ReasonCode.WrongState or ReasonCode.StaleEpoch or ReasonCode.PrimaryMoved
            or ReasonCode.NoRecoveryPoint or ReasonCode.Diverged or ReasonCode.BootFileMissing
            or ReasonCode.RequestUnderWay => 409,
        ReasonCode.PointExpired => 410,
        ReasonCode.PreconditionFailed => 412,
        ReasonCode.RequestTooLarge => 413,
        ReasonCode.MediaTypeUnsupported => 415,
        ReasonCode.TooManyTries => 429,
        ReasonCode.Timeout => 504,
        ReasonCode.DatabaseUnavailable => 503,
        ReasonCode.PeerUnreachable or ReasonCode.AgentUnreachable or ReasonCode.ControllerUnreachable
            or ReasonCode.LinkDown or ReasonCode.StoreUnavailable
            or ReasonCode.IdentityUnavailable or ReasonCode.CloudUnavailable or ReasonCode.CloudUnauthorised
            or ReasonCode.BuildFailed => 502,
        ReasonCode.TargetFull or ReasonCode.SourceFull or ReasonCode.NoRoom
            or ReasonCode.CloudQuotaExceeded => 507,
        ReasonCode.Unexpected => 500,
        _ => 422,
    };
}
