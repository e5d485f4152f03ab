// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Sites;

namespace Lifeboat.Recovery;

/// <summary>A driver's fault as a reason that callers know.</summary>
public static class SiteProblem
{
    public static ReasonCode ReasonOf(SiteFault fault) => fault switch
    {
        SiteFault.InstanceUnknown => ReasonCode.InstanceUnknown,
        SiteFault.InstanceExists => ReasonCode.InstanceExists,
        SiteFault.MonitorUnreachable => ReasonCode.MonitorUnreachable,
        SiteFault.AgentUnreachable => ReasonCode.GuestAgentUnreachable,
        SiteFault.Timeout => ReasonCode.Timeout,
        SiteFault.NoSpace => ReasonCode.TargetFull,
        SiteFault.BootFileMissing => ReasonCode.BootFileMissing,
        SiteFault.NetworkUnknown => ReasonCode.NetworkUnknown,
        SiteFault.Refused => ReasonCode.NotAllowed,
        SiteFault.ToolMissing => ReasonCode.NotAllowed,
        SiteFault.CloudUnavailable => ReasonCode.CloudUnavailable,
        SiteFault.CloudUnauthorised => ReasonCode.CloudUnauthorised,
        SiteFault.QuotaExceeded => ReasonCode.CloudQuotaExceeded,
        SiteFault.NoRoom => ReasonCode.NoRoom,
        SiteFault.BuildFailed => ReasonCode.BuildFailed,
    };

    /// <exception cref="ProblemException">In place of the driver's fault.</exception>
    public static async Task<T> AskAsync<T>(Task<T> asked)
    {
        try
        {
            return await asked;
        }
        catch (SiteException e)
        {
            throw Of(e);
        }
    }

    public static ProblemException Of(SiteException e) => new(ReasonOf(e.Fault), e.Message, cause: e);
}
