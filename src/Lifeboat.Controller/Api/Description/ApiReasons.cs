// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Api.Description;

/// <summary>Why an operation may be refused; metadata of its endpoint.</summary>
internal sealed class ApiReasons(IEnumerable<ReasonCode> reasons)
{
    private static readonly Dictionary<string, ReasonCode[]> ByParameter = new(StringComparer.Ordinal)
    {
        ["group"] = [ReasonCode.GroupUnknown],
        ["volume"] = [ReasonCode.VolumeUnknown],
        ["point"] = [ReasonCode.PointUnknown, ReasonCode.PointExpired],
        ["run"] = [ReasonCode.RunUnknown],
        ["peer"] = [ReasonCode.SiteUnknown],
        ["operation"] = [ReasonCode.OperationUnknown],
        ["tenant"] = [ReasonCode.TenantUnknown],
        ["policy"] = [ReasonCode.PolicyUnknown],
        ["user"] = [ReasonCode.UserUnknown],
        ["token"] = [ReasonCode.TokenUnknown],
        ["evacuation"] = [ReasonCode.EvacuationUnknown],
    };

    public IReadOnlyDictionary<int, IReadOnlyList<ReasonCode>> ByStatus { get; } = reasons.Order()
        .GroupBy(ProblemStatus.Of).ToDictionary(g => g.Key, g => (IReadOnlyList<ReasonCode>)[.. g]);

    /// <summary>What the operation names itself, and what its route, its body and its method imply.</summary>
    public static IReadOnlySet<ReasonCode> Of(ApiOperation? operation, string route, IEnumerable<string> parameters,
        bool hasBody)
    {
        var reasons = new HashSet<ReasonCode>(operation?.Reasons ?? [])
        {
            ReasonCode.InvalidRequest, ReasonCode.NotAllowed, ReasonCode.Unexpected, ReasonCode.NotAuthenticated,
            ReasonCode.TokenExpired,
        };
        foreach (var parameter in parameters)
            if (ByParameter.TryGetValue(parameter, out var implied)) reasons.UnionWith(implied);
        if (route.StartsWith("/v1/instances/{", StringComparison.Ordinal)) reasons.Add(ReasonCode.InstanceUnknown);
        if (operation is { Changes: true, AnswersSecret: false })
            reasons.UnionWith([ReasonCode.KeyReused, ReasonCode.RequestUnderWay]);
        if (operation is { Edits: true }) reasons.Add(ReasonCode.PreconditionFailed);
        if (hasBody) reasons.UnionWith([ReasonCode.RequestTooLarge, ReasonCode.MediaTypeUnsupported]);
        return reasons;
    }
}
