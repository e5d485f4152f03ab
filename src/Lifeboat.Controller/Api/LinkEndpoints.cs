// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Tenancy;
using Lifeboat.Protection;
using Lifeboat.Protection.Links;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/links/{peer}`: caps and compression of what this site ships to a paired one.</summary>
internal sealed class LinkEndpoints(PeerDirectory peers, SpecStore specs, SiteAgents agents, TenantCaps caps)
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

    // Kept here before the agent hears of it: it is put to it again until it has it.
    private async Task<LinkStatus> ChangeAsync(string peer, LinkChange change, CancellationToken ct)
    {
        peers.Get(peer);
        var settings = change.Applied(specs.Link(peer));
        if (settings.Problems() is { Count: > 0 } problems)
            throw new ProblemException(ReasonCode.InvalidRequest, $"the link to {peer} would have faults", null,
                problems);
        specs.SaveLink(peer, settings);
        settings = caps.Link(peer);
        foreach (var host in agents.Hosts.Where(h => h != AgentConfiguration.DefaultHost))
            await TryPutAsync(host, peer, settings, ct);
        return await agents.Main.PutLinkAsync(peer, settings, ct);
    }

    private async Task TryPutAsync(string host, string peer, LinkSettings settings, CancellationToken ct)
    {
        try
        {
            await agents.Of(host).PutLinkAsync(peer, settings, ct);
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.AgentUnreachable)
        {
            // It is put to it when it is back.
        }
    }
}
