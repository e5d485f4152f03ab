// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/links/{peer}`: caps and compression of what this site ships to a paired one.</summary>
internal sealed class LinkEndpoints(PeerDirectory peers, SpecStore specs, AgentClient agent)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/links/{peer}", async (string peer, CancellationToken ct) =>
        {
            peers.Get(peer);
            return await agent.LinkAsync(peer, ct);
        });
        routes.MapPatch("/v1/links/{peer}", ChangeAsync);
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
        return await agent.PutLinkAsync(peer, settings, ct);
    }
}
