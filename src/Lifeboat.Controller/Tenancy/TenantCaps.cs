// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Links;

namespace Lifeboat.Controller.Tenancy;

/// <summary>
/// The caps of tenants, as the agents are to keep them: part of what each is told of its links, so that they hold over
/// restarts and without the controller.
/// </summary>
internal sealed class TenantCaps(TenantStore tenants, SpecStore specs, PeerDirectory peers, SiteAgents agents)
{
    /// <summary>What the agents are to know of the link: what was wished of it, and what each tenant may
    /// send.</summary>
    public LinkSettings Link(string peer) => specs.Link(peer) with
    {
        TenantCaps = tenants.All().Where(t => t.Limits.ShipCap is not null)
            .ToDictionary(t => t.Name, t => t.Limits.ShipCap!),
    };

    /// <summary>Tells all agents that can be reached; the others hear of it when they are back.</summary>
    public async Task PutAsync(CancellationToken ct)
    {
        foreach (var host in agents.Hosts)
            foreach (var peer in peers.All)
                await TryPutAsync(host, peer.Name, ct);
    }

    private async Task TryPutAsync(string host, string peer, CancellationToken ct)
    {
        try
        {
            await agents.Of(host).PutLinkAsync(peer, Link(peer), ct);
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.AgentUnreachable)
        {
            // The loop that keeps the desired state puts it again.
        }
    }
}
