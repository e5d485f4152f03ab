// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Recovery.Evacuations;

namespace Lifeboat.Controller.Evacuations;

/// <summary>An evacuation as the API shows it.</summary>
internal static class EvacuationView
{
    public static EvacuationInfo Of(Evacuation evacuation, DateTimeOffset now) => new()
    {
        Id = evacuation.Id,
        Site = evacuation.Site,
        From = evacuation.From,
        Tenant = evacuation.Tenant,
        State = evacuation.State,
        Detail = evacuation.Detail,
        Kind = evacuation.Kind,
        Parallel = evacuation.Options.Parallel,
        HoldBetweenWaves = evacuation.Options.HoldBetweenWaves,
        KeepGoing = evacuation.Options.KeepGoing,
        RequestedBy = evacuation.RequestedBy,
        CreatedAt = evacuation.CreatedAt,
        FinishedAt = evacuation.FinishedAt,
        Elapsed = (evacuation.FinishedAt ?? now) - evacuation.CreatedAt,
        Wave = evacuation.Wave,
        Waves = evacuation.Waves,
        Groups =
        [
            .. evacuation.Groups.Select(g => new EvacueeInfo(g.Group, g.Wave, g.State, g.Run, g.Reason, g.Detail,
                g.Predicted, (g.FinishedAt ?? now) - g.StartedAt)),
        ],
    };
}
