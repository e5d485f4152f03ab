// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/links/{peer}`: caps and compression of what this site ships to a paired one.</summary>
internal sealed class LinkEndpoints(PeerDirectory peers, SpecStore specs, SiteAgents agents, LinkEditing links)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/links/{peer}", async (string peer, CancellationToken ct) =>
        {
            peers.Get(peer);
            return await agents.Main.LinkAsync(peer, ct);
        }).Needs(Right.Operate);
        routes.MapPatch("/v1/links/{peer}", ChangeAsync).Needs(Right.Operate);
    }

    private Task<LinkStatus> ChangeAsync(string peer, LinkChange change, CancellationToken ct)
    {
        peers.Get(peer);
        return links.SetAsync(peer, change.Applied(specs.Link(peer)), ct);
    }
}
