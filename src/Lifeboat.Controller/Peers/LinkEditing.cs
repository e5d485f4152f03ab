// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Api.Requests;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Tenancy;
using Lifeboat.Protection;
using Lifeboat.Protection.Links;

namespace Lifeboat.Controller.Peers;

/// <summary>Changes what is wished of a link, and tells all agents.</summary>
internal sealed class LinkEditing(SpecStore specs, SiteAgents agents, TenantCaps caps)
{
    /// <summary>Kept here before the agent hears of it: it is put to it again until it has it.</summary>
    /// <exception cref="ProblemException">InvalidRequest with all faults; AgentUnreachable.</exception>
    public async Task<LinkStatus> SetAsync(string peer, LinkSettings settings, CancellationToken ct)
    {
        if (settings.Problems() is { Count: > 0 } problems)
            throw new ProblemException(ReasonCode.InvalidRequest, $"the link to {peer} would have faults", null,
                problems);
        DryRun.EndsHere();
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
